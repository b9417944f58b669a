import * as z from 'zod';
import { systemClock, systemRandom } from './clock.js';
import { parseSchedule, type Schedule } from './decide/parse-schedule.js';
import { WaSyncError } from './errors.js';
import { type InactivityOptions, inactivitySchema } from './inactivity-config.js';
import { silentLogger } from './logger.js';
import type { Clock, RandomSource } from './ports/clock.js';
import type { JobName } from './ports/job-store.js';
import type { Logger } from './ports/logger.js';
import type { ConnectionProvider } from './ports/provider.js';
import type { WaSyncStore } from './ports/store.js';
import { checkSessionId } from './session-id.js';

/** What `createWaSync` takes. Durations are whole milliseconds; an unknown key is an error that names it. */
export interface WaSyncOptions {
  /** Where the rows are. */
  store: WaSyncStore;
  /** Opens and heals connections; absent, the host attaches its own. */
  provider?: ConnectionProvider | undefined;
  /** What "the current session" means where a caller names none. */
  currentSession?: string | undefined;
  /**
   * Name of this process among its siblings. Give a stable one (a pod or host name): a restarted process then takes over from
   * its dead predecessor within two ticks instead of a whole lease. @defaultValue a random name
   */
  replicaId?: string | undefined;
  /** IANA zone of schedules with a fixed hour. @defaultValue `'UTC'` */
  timeZone?: string | undefined;
  /** Reports what would be done and writes nothing. @defaultValue `false` */
  observeOnly?: boolean | undefined;
  /** Cron expressions by job; `false` turns one off. */
  jobs?:
    | {
        /** Compares and corrects what this replica holds. @defaultValue `'*\/5 * * * *'` */
        sync?: string | false | undefined;
        /** Removes sessions that nobody uses; one run among all replicas. @defaultValue `'0 2 * * *'` */
        cleanup?: string | false | undefined;
        /** Closes conversations that went quiet; one run among all replicas. @defaultValue `'0 * * * *'` */
        inactivity?: string | false | undefined;
      }
    | undefined;
  /** Which conversations are closed, and how. */
  inactivity?: InactivityOptions | undefined;
  /** Which sessions the cleanup takes. */
  cleanup?:
    | {
        /** Days without a sign of life until a session is put to rest. @defaultValue 30 */
        afterDays?: number | undefined;
        /** Days without a sign of life until its row and credentials are deleted. @defaultValue 60 */
        purgeAfterDays?: number | undefined;
        /** The largest part of all sessions that one run may take, at least one session. @defaultValue 0.2 */
        maxFraction?: number | undefined;
        /** Deletes credentials that the host keeps itself; a session whose call fails is tried again in the next run. */
        purgeCredentials?: ((params: { sessionId: string }) => unknown) | undefined;
      }
    | undefined;
  /** When and how a connection is asked for a sign of life. */
  probe?:
    | {
        /** How long an answer may take. @defaultValue 5,000 */
        timeoutMs?: number | undefined;
        /** Silence after which a connection is probed. @defaultValue 20,000 */
        silenceMs?: number | undefined;
        /** Unanswered probes in a row that mean dead; a forced sync needs one. @defaultValue 2 */
        failures?: number | undefined;
        /** Probes sent at once. @defaultValue 64 */
        concurrency?: number | undefined;
        /** Probes sent in a second, over all sessions of this replica. @defaultValue 1,000 */
        perSecond?: number | undefined;
      }
    | undefined;
  /** This replica's right to own. */
  lease?:
    | {
        /** How long a lease stands without a renewal. @defaultValue 30,000 */
        ttlMs?: number | undefined;
        /** Time between renewals; at most a third of `ttlMs`. @defaultValue 5,000 */
        tickMs?: number | undefined;
      }
    | undefined;
  /** @defaultValue silent; `consoleLogger()` writes lines for people, a pino instance fits too */
  logger?: Logger | undefined;
  /** @defaultValue the system's */
  clock?: Clock | undefined;
  /** @defaultValue the system's */
  random?: RandomSource | undefined;
}

const wholeMs = (lowest: number, highest: number) =>
  z
    .number({ error: `takes milliseconds, a whole number from ${lowest} to ${highest}` })
    .int(`takes whole milliseconds from ${lowest} to ${highest}`)
    .min(lowest, `takes milliseconds from ${lowest} to ${highest}`)
    .max(highest, `takes milliseconds from ${lowest} to ${highest}`);

const cronOrFalse = z.union([z.string(), z.literal(false)], 'takes a cron expression or false');
const days = z
  .number('takes days, from 1 to 3650')
  .min(1, 'takes days, from 1 to 3650')
  .max(3_650, 'takes days, from 1 to 3650');

const port = <T>(what: string, methods: readonly string[]) =>
  z.custom<T>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function'),
    `takes ${what}`,
  );

const schema = z.strictObject({
  store: port<WaSyncStore>('a store, such as createMemoryStore() or createPostgresStore({ pool })', ['init', 'close']),
  provider: port<ConnectionProvider>('a provider, such as baileysProvider({ auth })', ['open']).optional(),
  currentSession: z.string('takes a session id').optional(),
  replicaId: z.string('takes a name of 1 to 200 characters').min(1).max(200).optional(),
  timeZone: z.string('takes an IANA zone such as America/Sao_Paulo').default('UTC'),
  observeOnly: z.boolean('takes true or false').default(false),
  jobs: z
    .strictObject({
      sync: cronOrFalse.default('*/5 * * * *'),
      cleanup: cronOrFalse.default('0 2 * * *'),
      inactivity: cronOrFalse.default('0 * * * *'),
    })
    .prefault({}),
  cleanup: z
    .strictObject({
      afterDays: days.default(30),
      purgeAfterDays: days.default(60),
      maxFraction: z
        .number('takes a number from 0 to 1')
        .min(0, 'takes a number from 0 to 1')
        .max(1, 'takes a number from 0 to 1')
        .default(0.2),
      purgeCredentials: z
        .custom<(params: { sessionId: string }) => unknown>((value) => typeof value === 'function', 'takes a function')
        .optional(),
    })
    .refine((cleanup) => cleanup.purgeAfterDays >= cleanup.afterDays, {
      message: 'takes at least as many days as afterDays',
      path: ['purgeAfterDays'],
    })
    .prefault({}),
  probe: z
    .strictObject({
      timeoutMs: wholeMs(50, 60_000).default(5_000),
      silenceMs: wholeMs(100, 600_000).default(20_000),
      failures: z.number('takes a whole number from 1 to 10').int().min(1).max(10).default(2),
      concurrency: z.number('takes a whole number from 1 to 10000').int().min(1).max(10_000).default(64),
      perSecond: z.number('takes a whole number from 1 to 100000').int().min(1).max(100_000).default(1_000),
    })
    .prefault({}),
  lease: z
    .strictObject({
      ttlMs: wholeMs(300, 600_000).default(30_000),
      tickMs: wholeMs(50, 60_000).default(5_000),
    })
    .refine((lease) => lease.tickMs * 3 <= lease.ttlMs, {
      message: 'takes a tickMs of at most a third of ttlMs',
      path: ['tickMs'],
    })
    .prefault({}),
  inactivity: inactivitySchema,
  logger: port<Logger>('a logger with debug, info, warn and error', ['debug', 'info', 'warn', 'error']).default(
    silentLogger,
  ),
  clock: port<Clock>('a clock', ['now', 'monotonicMs', 'schedule', 'yield']).default(systemClock),
  random: port<RandomSource>('a random source', ['next', 'token']).default(systemRandom),
});

/** The jobs that have a schedule. */
export type ScheduledJob = JobName;

/** The configuration with every default in place. */
export interface Config extends Omit<z.infer<typeof schema>, 'jobs' | 'replicaId' | 'currentSession'> {
  readonly replicaId: string;
  readonly currentSession: string | null;
  readonly schedules: Readonly<Record<ScheduledJob, Schedule | null>>;
}

/**
 * Checks the options once.
 *
 * @throws WaSyncError `config_invalid` that names each wrong key and what it takes
 */
export function parseConfig(options: WaSyncOptions): Config {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw new WaSyncError('config_invalid', parsed.error.issues.map(describeIssue).join('; '));
  const { jobs, replicaId, currentSession, ...rest } = parsed.data;
  const schedule = (job: ScheduledJob) => {
    const expression = jobs[job];
    return expression === false ? null : parseSchedule(`jobs.${job}`, expression, rest.timeZone);
  };
  return {
    ...rest,
    replicaId: replicaId ?? `replica-${rest.random.token().slice(0, 8)}`,
    currentSession: currentSession === undefined ? null : checkSessionId(currentSession),
    schedules: { sync: schedule('sync'), cleanup: schedule('cleanup'), inactivity: schedule('inactivity') },
  };
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const at = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const keys = issue.keys.map((key) => (at ? `${at}.${key}` : key)).join(', ');
    return `Unknown option ${keys}: ${at || 'createWaSync'} takes ${knownKeys(issue.path).join(', ')}`;
  }
  return `Option ${at || '(all)'} ${issue.message}`;
}

/** Names of the options at a place of the schema, behind whatever gives them defaults. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  interface Node {
    readonly shape?: Readonly<Record<PropertyKey, Node>>;
    readonly def?: { readonly innerType?: Node };
  }
  const open = (node: Node | undefined): Node | undefined => (node?.def?.innerType ? open(node.def.innerType) : node);
  let node = open(schema as unknown as Node);
  for (const key of path) node = open(node?.shape?.[key]);
  return Object.keys(node?.shape ?? {});
}
