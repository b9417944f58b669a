import { type Invariant, settingsOf } from './invariant.js';
import { livesOf } from './processes.js';

/** A beat that is given up leaves time for the next one. */
export const S20: Invariant = {
  name: 'S20',
  promise: 'one beat that hangs, for however long, takes no lease',
  check(history, bench) {
    const { ttlMs, tickMs, storeLimitMs } = settingsOf(history);
    const lives = livesOf(history);
    for (const hung of history) {
      if (hung.what !== 'fault' || hung.kind !== 'beat_hangs' || hung.actor === 'world') continue;
      const life = lives.get(hung.actor);
      const [fromMs, toMs] = [hung.t - (tickMs + storeLimitMs + 3_000), hung.t + ttlMs];
      if (!life || life.runningMs > fromMs || life.stoppingMs < toMs || !life.couldRenew(fromMs, toMs)) continue;
      bench.tested();
      const lost = history.find(
        (entry) =>
          entry.what === 'event' &&
          entry.actor === hung.actor &&
          entry.name === 'lease:lost' &&
          entry.t > hung.t &&
          entry.t < toMs,
      );
      if (lost) bench.broken(lost.t, `${hung.actor} lost its lease after its beat of ${hung.t} hung`);
    }
  },
};
