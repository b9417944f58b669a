import type { Output } from './output.js';

/** Says on a terminal that work goes on; what is written next takes its place. */
export function showProgress(output: Output, what: string): (seconds: number) => void {
  let shown = false;
  return (seconds) => {
    if (seconds === 0 && !shown) return;
    shown = true;
    output.progress(`${what} … ${seconds} s `);
  };
}
