import type { InactivityReport } from './report.js';

/**
 * `3 of 40 open conversations`, the same in the log, the command and over HTTP. Without the second number a run in which none was due reads like
 * a job that finds nothing. `3 conversations` where nobody counted.
 */
export function checkedText({ open, totals: { checked } }: Pick<InactivityReport, 'open' | 'totals'>): string {
  const parts = open === null ? `${checked}` : `${checked} of ${open} open`;
  return `${parts} conversation${(open ?? checked) === 1 ? '' : 's'}`;
}
