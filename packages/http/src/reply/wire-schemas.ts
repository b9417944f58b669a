/**
 * What goes over the wire. Answers are typed by these schemas, requests are checked with them, and OpenAPI is made of
 * them.
 */
import { SESSION_STATUSES } from '@wa-sync/core';
import * as z from 'zod/mini';

/** Schemas that have a name of their own in the OpenAPI document. */
export const namedSchemas = z.registry<{ id: string; description?: string }>();

const instant = z.iso.datetime();
const count = z.int().check(z.gte(0));
const tookMs = z.number().check(z.gte(0), z.describe('Milliseconds'));
const status = z.enum(SESSION_STATUSES);
const evidence = z.enum(['observed', 'expired', 'unobserved']);

export const statusAnswer = z
  .strictObject({ connected: z.boolean().check(z.describe('Whether WhatsApp answers on it now')), timestamp: instant })
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
          stored: z.nullable(status).check(z.describe('What the row said before; null where it could not be read')),
          foreignWord: z
            .optional(z.string())
            .check(z.describe("The host's own word, where somebody else had written it")),
          actual: z.nullable(status).check(z.describe('What is true; null where it is not known')),
          action: z.enum(['none', 'corrected', 'mirror_repaired', 'healed', 'would_correct', 'unknown', 'failed']),
          reason: z.string().check(z.describe('A stable code: why this action')),
          tookMs,
        }),
      )
      .check(z.describe('Those that were not in sync first; at most 1,000')),
    omitted: count.check(z.describe('Sessions that totals counts and sessions leaves out')),
    failedJobs: z.optional(
      z
        .array(z.strictObject({ job: z.enum(['cleanup', 'inactivity']), code: z.string() }))
        .check(z.describe('Of POST /force-sync, where there are any: jobs that failed after the rows were put right')),
    ),
  })
  .register(namedSchemas, { id: 'SyncReport', description: 'What a sync found and did.' });

export const syncAnswer = z
  .strictObject({ message: z.string().check(z.describe('For people')), timestamp: instant, report: syncReport })
  .register(namedSchemas, { id: 'SyncAnswer', description: 'A sync that is over.' });

const postponed = <const Why extends string>(whys: readonly Why[]) =>
  z.nullable(z.enum(whys)).check(z.describe<Why | null>('Why nothing was done'));
const dryRun = z.boolean().check(z.describe('Nothing was changed; the report says what would be'));

export const cleanupReport = z
  .strictObject({
    startedAt: instant,
    tookMs,
    dryRun,
    postponed: postponed(['running_elsewhere', 'boot_settling', 'mass_outage', 'lease_lost']),
    totals: z.strictObject({
      sessions: count.check(z.describe('All there are')),
      deactivated: count,
      purged: count,
      cameBack: count,
      failed: count,
      left: count.check(z.describe('Left for the next run, because one run takes only a part of all')),
    }),
    sessions: z
      .array(
        z.strictObject({
          id: z.string(),
          status,
          aliveAt: instant.check(z.describe('Last proof of life, else creation')),
          inactiveForMs: z.number().check(z.gte(0)),
          stage: z.enum(['deactivate', 'purge']),
          outcome: z.enum(['done', 'would', 'came_back', 'failed']),
          credentials: z
            .optional(z.enum(['store', 'callback', 'host']))
            .check(z.describe('Who deleted them, of a purge')),
        }),
      )
      .check(z.describe('At most 1,000')),
  })
  .register(namedSchemas, { id: 'CleanupReport', description: 'What a cleanup found and did.' });

export const cleanupAnswer = z
  .strictObject({ message: z.string().check(z.describe('For people')), timestamp: instant, report: cleanupReport })
  .register(namedSchemas, { id: 'CleanupAnswer', description: 'A cleanup that is over.' });

export const inactivityReport = z
  .strictObject({
    startedAt: instant,
    tookMs,
    dryRun,
    postponed: postponed(['running_elsewhere', 'lease_lost']),
    open: z
      .nullable(count)
      .check(z.describe('Open conversations, of which only those that are due are checked; null where nobody counted')),
    totals: z.strictObject({
      checked: count,
      closed: count,
      warned: count,
      waiting: count,
      skipped: count,
      cancelled: count,
      failed: count,
      adopted: count,
    }),
    conversations: z
      .array(
        z.strictObject({
          id: z.string(),
          sessionId: z.string(),
          inactiveForMs: z.number().check(z.gte(0)),
          outcome: z.enum([
            'closed',
            'closing',
            'warned',
            'would_close',
            'would_warn',
            'waits',
            'skipped',
            'cancelled',
            'failed',
          ]),
          reason: z.string().check(z.describe('A stable code: why')),
        }),
      )
      .check(z.describe('At most 1,000')),
  })
  .register(namedSchemas, { id: 'InactivityReport', description: 'What a check of inactive conversations did.' });

export const inactivityAnswer = z
  .strictObject({ message: z.string().check(z.describe('For people')), timestamp: instant, report: inactivityReport })
  .register(namedSchemas, { id: 'InactivityAnswer', description: 'A check of inactive conversations that is over.' });

export const anyReport = z.union([syncReport, cleanupReport, inactivityReport]);

export const acceptedAnswer = z
  .strictObject({
    message: z.string().check(z.describe('For people')),
    timestamp: instant,
    run: z.strictObject({ id: z.string(), state: z.literal('running') }),
  })
  .register(namedSchemas, { id: 'Accepted', description: 'The run goes on; Location says where to ask for it.' });

export const sessionAnswer = z
  .strictObject({
    id: z.string(),
    stored: z.strictObject({ status, evidence }).check(z.describe('What the row says')),
    effective: z
      .strictObject({ status, evidence })
      .check(z.describe("What a reader may believe: the row read together with its owner's lease")),
    health: z.enum(['healthy', 'degraded']),
    reason: z.nullable(z.strictObject({ code: z.string(), detail: z.optional(z.string()) })),
    desired: z.enum(['running', 'stopped']),
    active: z.boolean(),
    phone: z.nullable(z.string()).check(z.describe('Masked but for its last four digits')),
    reconnectAttempt: count,
    owner: z.nullable(z.string()).check(z.describe('The process that holds the connection')),
    mirror: z
      .strictObject({ state: z.enum(['none', 'in_sync', 'differs', 'missing']), word: z.nullable(z.string()) })
      .check(z.describe("How the host's own row stands beside it")),
    statusChangedAt: instant,
    lastSeenAt: z.nullable(instant).check(z.describe('Last proof of life, written when the session leaves CONNECTED')),
    createdAt: instant,
  })
  .register(namedSchemas, { id: 'Session', description: 'A session, what its row says and what may be believed.' });

export const sessionsAnswer = z
  .strictObject({
    sessions: z.array(sessionAnswer),
    next: z.nullable(z.string()).check(z.describe('The after of the next page; null on the last one')),
  })
  .register(namedSchemas, { id: 'Sessions', description: 'A page of sessions, by id.' });

export const historyAnswer = z
  .strictObject({
    transitions: z.array(
      z.strictObject({
        id: z.string().check(z.describe('Its place in the history; opaque')),
        at: instant,
        from: status,
        to: status,
        evidence,
        health: z.enum(['healthy', 'degraded']),
        reason: z.nullable(z.strictObject({ code: z.string(), detail: z.optional(z.string()) })),
        owner: z.nullable(z.string()).check(z.describe('The process that vouched for it; null where nobody did')),
      }),
    ),
    next: z.nullable(z.string()).check(z.describe('The before of the next page; null on the last one')),
  })
  .register(namedSchemas, { id: 'History', description: 'A page of the changes of one session, newest first.' });

export const problem = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().check(z.describe('Stable; for programs')),
    detail: z.optional(z.string()),
    errors: z.optional(
      z.array(z.strictObject({ in: z.enum(['body', 'query', 'path']), field: z.string(), message: z.string() })),
    ),
  })
  .register(namedSchemas, { id: 'Problem', description: 'An error (RFC 9457).' });

export const requestRun = z
  .strictObject({
    kind: z.literal('request'),
    id: z.string(),
    operation: z.string(),
    state: z.enum(['running', 'completed', 'failed']),
    startedAt: instant,
    finishedAt: z.nullable(instant),
    report: z.nullable(anyReport),
    problem: z.nullable(problem),
  })
  .register(namedSchemas, { id: 'RequestRun', description: 'A run that outlasted the request that started it.' });

export const jobRun = z
  .strictObject({
    kind: z.literal('job'),
    id: z.string(),
    job: z.enum(['cleanup', 'inactivity']),
    slot: z
      .nullable(instant)
      .check(z.describe('The instant of the schedule that it belongs to; null: somebody asked for it')),
    owner: z.string().check(z.describe('The process that ran it')),
    outcome: z
      .enum(['running', 'finished', 'failed', 'abandoned'])
      .check(z.describe('abandoned: its process was gone before it ended')),
    startedAt: instant,
    endedAt: z.nullable(instant),
    counts: z.record(z.string(), z.number()),
    error: z.nullable(z.string()),
  })
  .register(namedSchemas, { id: 'JobRun', description: 'A run of a job that one process does for all.' });

export const runsAnswer = z
  .strictObject({
    runs: z.array(jobRun),
    next: z.nullable(z.string()).check(z.describe('The before of the next page; null on the last one')),
  })
  .register(namedSchemas, { id: 'Runs', description: 'A page of job runs, newest first.' });

export const runAnswer = z
  .discriminatedUnion('kind', [requestRun, jobRun])
  .register(namedSchemas, { id: 'Run', description: 'A run of a job, or one that outlasted its request.' });

export const liveAnswer = z.strictObject({ status: z.literal('live') }).register(namedSchemas, { id: 'Live' });
export const readyAnswer = z.strictObject({ status: z.literal('ready') }).register(namedSchemas, { id: 'Ready' });
