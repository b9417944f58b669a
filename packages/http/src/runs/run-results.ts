import type { CleanupReport, InactivityReport, SyncReport } from '@wa-sync/core';
import { checkedText } from '@wa-sync/core/adapter';
import type * as z from 'zod/mini';
import { HttpProblem } from '../reply/problems.js';
import { cleanupToWire, inactivityToWire, reportToWire } from '../reply/to-wire.js';
import type { anyReport } from '../reply/wire-schemas.js';

/** How a run ended well: a line for people, and what it found and did. */
export interface RunResult {
  readonly message: string;
  readonly report: z.infer<typeof anyReport>;
}

/** `Checked 3 sessions: 2 in sync, 1 corrected` */
export function syncResult(report: SyncReport): RunResult {
  const { totals, sessions } = report;
  // Core never lets one session's failure stop the others; where the store failed them all, the call itself has
  // failed.
  const storeFailed =
    totals.failed > 0 && sessions.every(({ action, reason }) => action === 'failed' && reason.startsWith('store_'));
  if (storeFailed && totals.failed === totals.checked) throw new HttpProblem('store_failed');
  const { inSync, corrected, healed, unknown, failed } = totals;
  const parts = [`${inSync} in sync`, ...named({ corrected, healed, unknown, failed })];
  const jobs = (report.failedJobs ?? []).map(({ job, code }) => `; job ${job} failed: ${code}`).join('');
  const message = `Checked ${count(totals.checked, 'session')}: ${parts.join(', ')}${jobs}`;
  return { message, report: reportToWire(report) };
}

/** `Deactivated 1 session, deleted 0, 4 are left for the next run` */
export function cleanupResult(report: CleanupReport): RunResult {
  const { deactivated, purged, cameBack, failed, left } = report.totals;
  const parts = report.dryRun
    ? [`Would deactivate ${count(deactivated, 'session')}`, `would delete ${purged}`]
    : [`Deactivated ${count(deactivated, 'session')}`, `deleted ${purged}`];
  parts.push(...named({ 'came back meanwhile': cameBack, failed, 'left for the next run': left }));
  return { message: unless(report.postponed, parts.join(', ')), report: cleanupToWire(report) };
}

/**
 * `Checked 3 of 40 open conversations: 1 closed, 2 waiting`; `newly registered` are rows of the host, whose clocks
 * start now.
 */
export function inactivityResult(report: InactivityReport): RunResult {
  const { closed, warned, waiting, skipped, cancelled, failed, adopted } = report.totals;
  const would = report.dryRun ? 'would be ' : '';
  const parts = [`${closed} ${would}closed`];
  parts.push(
    ...named({ [`${would}warned`]: warned, waiting, skipped, cancelled, failed, 'newly registered': adopted }),
  );
  const message = `Checked ${checkedText(report)}: ${parts.join(', ')}`;
  return { message: unless(report.postponed, message), report: inactivityToWire(report) };
}

const POSTPONED = {
  running_elsewhere: 'another run goes on',
  boot_settling: 'this process has only just started, and its sessions are still logging in',
  mass_outage: 'most sessions seem dead at once, so the fault is probably on this side',
  lease_lost: 'this process holds no lease now',
} as const;

function unless(postponed: keyof typeof POSTPONED | null, message: string): string {
  return postponed === null ? message : `Nothing was done: ${POSTPONED[postponed]}`;
}

function named(totals: Readonly<Record<string, number>>): string[] {
  return Object.entries(totals)
    .filter(([, value]) => value > 0)
    .map(([word, value]) => `${value} ${word}`);
}

function count(value: number, word: string): string {
  return `${value} ${word}${value === 1 ? '' : 's'}`;
}
