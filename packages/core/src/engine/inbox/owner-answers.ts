import * as z from 'zod/mini';
import type { StatusAnswer } from '../../api/wa-sync.js';
import type { SyncedSession } from '../../domain/report.js';
import { SESSION_STATUSES } from '../../domain/session.js';
import type { InboxRequestKind } from '../../ports/inbox-store.js';

/**
 * What an owner says to a question, by its kind. `{ unknown }`: it has the session and does not know; `{ refused }`:
 * it did not do it.
 */
export interface OwnerAnswers {
  readonly status: OwnerStatus | { readonly unknown: string };
  readonly sync: { readonly synced: SyncedSession };
  readonly force: { readonly synced: SyncedSession };
  readonly settle: { readonly done: true };
  readonly logout: { readonly done: true } | { readonly refused: 'not_supported' | 'connection_closed' };
}

/** A status as its owner reports it. */
export type OwnerStatus = Pick<StatusAnswer, 'status' | 'evidence' | 'health' | 'reason'>;

const status = z.enum(SESSION_STATUSES);
const done = z.object({ done: z.literal(true) });
const synced = z.object({
  synced: z.object({
    id: z.string(),
    stored: z.nullable(status),
    foreignWord: z.optional(z.string()),
    actual: z.nullable(status),
    action: z.enum(['none', 'corrected', 'mirror_repaired', 'healed', 'would_correct', 'unknown', 'failed']),
    reason: z.string(),
    tookMs: z.number(),
  }),
});
const schemas: { readonly [Kind in InboxRequestKind]: z.ZodMiniType<OwnerAnswers[Kind]> } = {
  status: z.union([
    z.object({ unknown: z.string() }),
    z.object({
      status,
      evidence: z.enum(['observed', 'expired', 'unobserved']),
      health: z.enum(['healthy', 'degraded']),
      reason: z.nullable(z.object({ code: z.string(), detail: z.optional(z.string()) })),
    }),
  ]),
  sync: synced,
  force: synced,
  settle: done,
  logout: z.union([done, z.object({ refused: z.enum(['not_supported', 'connection_closed']) })]),
};

/** Reads an answer that came through the store; `null` where it is none. */
export function readOwnerAnswer<Kind extends InboxRequestKind>(kind: Kind, body: string): OwnerAnswers[Kind] | null {
  let said: unknown;
  try {
    said = JSON.parse(body);
  } catch {
    return null;
  }
  const parsed = schemas[kind].safeParse(said);
  return parsed.success ? parsed.data : null;
}
