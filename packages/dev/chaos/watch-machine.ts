import type { HistoryFact } from '../simulator/index.js';

const PULSE_MS = 100;
/** A pulse so late means that the machine had no time for anybody. */
const LATE_MS = 500;

/**
 * Notes the times in which this machine was too busy to run its processes, by how late the judge itself runs: a
 * process of the app cannot be held to a deadline then. Returns a function that ends it.
 */
export function watchMachine(note: (fact: HistoryFact) => void): () => void {
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const late = nowMs - lastMs - PULSE_MS > LATE_MS;
    lastMs = nowMs;
    if (!late) return;
    // Whoever is impaired may not be judged for a while after, and what came before is less than that.
    for (const on of [true, false]) note({ what: 'impaired', actor: '*', by: 'busy-machine', on });
  }, PULSE_MS);
  return () => clearInterval(timer);
}
