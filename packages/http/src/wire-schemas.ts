/** What goes over the wire. Answers are typed by these schemas, requests are checked with them, and OpenAPI is made of them. */
import { SESSION_STATUSES } from '@wa-sync/core';
import * as z from 'zod';

/** Schemas that have a name of their own in the OpenAPI document. */
export const namedSchemas = z.registry<{ id: string; description?: string }>();

const instant = z.iso.datetime();
const count = z.number().int().min(0);
const tookMs = z.number().min(0).describe('Milliseconds');
const status = z.enum(SESSION_STATUSES);
const evidence = z.enum(['observed', 'expired', 'unobserved']);

export const statusAnswer = z
  .strictObject({ connected: z.boolean().describe('Whether WhatsApp answers on it now'), timestamp: instant })
  .register(namedSchemas, { id: 'Status', description: 'Whether a session is connected.' });

export const syncReport = z
  .strictObject({
    startedAt: instant,
    tookMs,
    totals: z.strictObject({
      checked: count,
      inSync: count,
      corrected: count,
      unknown: count,
      healed: count,
      failed: count,
    }),
    sessions: z
      .array(
        z.strictObject({
          id: z.string(),
          stored: status.nullable().describe('What the row said before; null where it could not be read'),
          foreignWord: z.string().optional().describe("The host's own word, where somebody else had written it"),
          actual: status.nullable().describe('What is true; null where it cannot be told'),
          action: z.enum(['none', 'corrected', 'mirror_repaired', 'healed', 'would_correct', 'unknown', 'failed']),
          reason: z.string().describe('A stable code: why this action'),
          tookMs,
        }),
      )
      .describe('Those that were not in sync first; at most 1,000'),
    omitted: count.describe('Sessions that totals counts and sessions leaves out'),
  })
  .register(namedSchemas, { id: 'SyncReport', description: 'What a sync found and did.' });

export const syncAnswer = z
  .strictObject({ message: z.string().describe('For people'), timestamp: instant, report: syncReport })
  .register(namedSchemas, { id: 'SyncAnswer', description: 'A sync that is over.' });

export const acceptedAnswer = z
  .strictObject({
    message: z.string().describe('For people'),
    timestamp: instant,
    run: z.strictObject({ id: z.string(), state: z.literal('running') }),
  })
  .register(namedSchemas, { id: 'Accepted', description: 'The sync goes on; Location says where to ask for it.' });

export const sessionAnswer = z
  .strictObject({
    id: z.string(),
    stored: z.strictObject({ status, evidence }).describe('What the row says'),
    effective: z
      .strictObject({ status, evidence })
      .describe("What a reader may believe: the row read together with its owner's lease"),
    health: z.enum(['healthy', 'degraded']),
    reason: z.strictObject({ code: z.string(), detail: z.string().optional() }).nullable(),
    desired: z.enum(['running', 'stopped']),
    active: z.boolean(),
    phone: z.string().nullable().describe('Masked but for its last four digits'),
    reconnectAttempt: count,
    owner: z.string().nullable().describe('The process that holds the connection'),
    mirror: z
      .strictObject({ state: z.enum(['none', 'in_sync', 'differs', 'missing']), word: z.string().nullable() })
      .describe("How the host's own row stands beside it"),
    statusChangedAt: instant,
    lastSeenAt: instant.nullable().describe('Last proof of life, written when the session leaves CONNECTED'),
    createdAt: instant,
  })
  .register(namedSchemas, { id: 'Session', description: 'A session, what its row says and what may be believed.' });

export const sessionsAnswer = z
  .strictObject({
    sessions: z.array(sessionAnswer),
    next: z.string().nullable().describe('The after of the next page; null on the last one'),
  })
  .register(namedSchemas, { id: 'Sessions', description: 'A page of sessions, by id.' });

export const problem = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string().describe('Stable; for programs'),
    detail: z.string().optional(),
    errors: z
      .array(z.strictObject({ in: z.enum(['body', 'query', 'path']), field: z.string(), message: z.string() }))
      .optional(),
  })
  .register(namedSchemas, { id: 'Problem', description: 'An error (RFC 9457).' });

export const runAnswer = z
  .strictObject({
    id: z.string(),
    operation: z.string(),
    state: z.enum(['running', 'completed', 'failed']),
    startedAt: instant,
    finishedAt: instant.nullable(),
    report: syncReport.nullable(),
    problem: problem.nullable(),
  })
  .register(namedSchemas, { id: 'Run', description: 'A run that outlasted the request that started it.' });

export const liveAnswer = z.strictObject({ status: z.literal('live') }).register(namedSchemas, { id: 'Live' });
export const readyAnswer = z.strictObject({ status: z.literal('ready') }).register(namedSchemas, { id: 'Ready' });
