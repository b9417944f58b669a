import {
  type CleanupReport,
  type InactivityReport,
  isWaSyncError,
  type JobRun,
  type Reason,
  type StoredSession,
  type SyncReport,
  type Transition,
} from '@wa-sync/core';
import { logText } from '@wa-sync/core/adapter';
import type * as z from 'zod/mini';
import type {
  cleanupReport,
  historyAnswer,
  inactivityReport,
  jobRun,
  sessionAnswer,
  syncReport,
} from './wire-schemas.js';

export function reportToWire(report: SyncReport): z.infer<typeof syncReport> {
  return {
    startedAt: report.startedAt.toISOString(),
    tookMs: report.tookMs,
    totals: { ...report.totals },
    sessions: report.sessions.map(({ foreignWord, reason, ...session }) => ({
      ...session,
      ...(foreignWord === undefined ? {} : { foreignWord: logText(foreignWord) }),
      reason: logText(reason),
    })),
    omitted: report.omitted,
    ...(report.failedJobs ? { failedJobs: report.failedJobs.map((one) => ({ ...one })) } : {}),
  };
}

/** Tenure and write id stay inside (they are what a write is guarded by), and so does the pairing code. */
export function sessionToWire(row: StoredSession): z.infer<typeof sessionAnswer> {
  const { id, health, desired, active, reconnectAttempt, owner, reason } = row;
  return {
    id,
    stored: { status: row.status, evidence: row.evidence },
    effective: { ...row.effective },
    health,
    reason: reasonToWire(reason),
    desired,
    active,
    phone: row.phone === null ? null : logText(row.phone),
    reconnectAttempt,
    owner,
    mirror: { ...row.mirror, word: row.mirror.word && logText(row.mirror.word) },
    statusChangedAt: row.statusChangedAt.toISOString(),
    lastSeenAt: row.lastSeenAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
  };
}

export function transitionToWire(transition: Transition): z.infer<typeof historyAnswer>['transitions'][number] {
  const { sessionId: _, at, reason, ...rest } = transition;
  return { ...rest, at: at.toISOString(), reason: reasonToWire(reason) };
}

function reasonToWire(reason: Reason | null): z.infer<typeof sessionAnswer>['reason'] {
  if (reason === null) return null;
  // A code is an adapter's own word, and so may have a number in it.
  const code = logText(reason.code);
  return reason.detail === undefined ? { code } : { code, detail: logText(reason.detail) };
}

export function cleanupToWire(report: CleanupReport): z.infer<typeof cleanupReport> {
  return {
    startedAt: report.startedAt.toISOString(),
    tookMs: report.tookMs,
    dryRun: report.dryRun,
    postponed: report.postponed,
    totals: { ...report.totals },
    sessions: report.sessions.map(({ aliveAt, ...session }) => ({ ...session, aliveAt: aliveAt.toISOString() })),
  };
}

export function inactivityToWire(report: InactivityReport): z.infer<typeof inactivityReport> {
  return {
    startedAt: report.startedAt.toISOString(),
    tookMs: report.tookMs,
    dryRun: report.dryRun,
    postponed: report.postponed,
    open: report.open,
    totals: { ...report.totals },
    conversations: report.conversations.map(({ reason, ...conversation }) => ({
      ...conversation,
      reason: logText(reason),
    })),
  };
}

export function jobRunToWire(run: JobRun): z.infer<typeof jobRun> {
  return {
    kind: 'job',
    id: run.id,
    job: run.job,
    slot: run.slot?.toISOString() ?? null,
    owner: run.owner,
    outcome: run.outcome,
    startedAt: run.startedAt.toISOString(),
    endedAt: run.endedAt?.toISOString() ?? null,
    counts: { ...run.counts },
    error: run.error === null ? null : logText(run.error),
  };
}

/** The payload of an event as it goes out. */
export type EventOnWire = { readonly [key: string]: unknown };

/** Ids go out as they are, because a client has to know them again. */
const IDS = new Set(['sessionId', 'conversationId']);

/** An event as JSON: instants as texts, no whole number in any text for people, of an error its code alone. */
export function eventToWire(payload: object): EventOnWire {
  return Object.fromEntries(
    Object.entries(payload).map(([key, value]) => [key, IDS.has(key) ? value : valueToWire(key, value)]),
  );
}

/** A change of the history as the payload that `session:changed` has everywhere. */
export function changeToWire({ id: _, owner: __, ...change }: Transition): EventOnWire {
  return eventToWire(change);
}

function valueToWire(key: string, value: unknown): unknown {
  if (key === 'error') return errorToWire(value);
  if (typeof value === 'string') return logText(value);
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, valueToWire(name, inner)]));
}

/** What a host's own code threw may say anything: its words are for the log. */
function errorToWire(error: unknown): string {
  if (isWaSyncError(error)) return error.code;
  return typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? error : 'internal_error';
}
