import type { Output } from './output.js';

const DRAW_EVERY_MS = 250;

/** Tells how far the work has come, such as `1,200 sessions`. */
export type Note = (text: string) => void;

/** Says on a terminal that work goes on, for how long, and what `work` notes; what is written next takes its place. */
export async function withProgress<T>(output: Output, what: string, work: (note: Note) => Promise<T>): Promise<T> {
  if (!output.interactive) return work(() => {});
  const startedMs = performance.now();
  let noted = '';
  const timer = setInterval(() => {
    const seconds = Math.floor((performance.now() - startedMs) / 1_000);
    output.progress(`${what} … ${seconds} s${noted === '' ? '' : `, ${noted}`}`);
  }, DRAW_EVERY_MS);
  try {
    return await work((text) => {
      noted = text;
    });
  } finally {
    clearInterval(timer);
    output.endProgress();
  }
}
