import * as z from 'zod/mini';
import { parseSchedule, type Schedule } from '../decide/parse-schedule.js';
import { checkSessionId } from '../domain/session.js';
import { loggerOption } from '../logging/logger-option.js';
import type { Clock, RandomSource } from '../ports/clock.js';
import { systemClock, systemRandom } from '../ports/clock.js';
import type { ConnectionProvider } from '../ports/connection.js';
import type { JobName } from '../ports/job-store.js';
import type { Logger } from '../ports/logger.js';
import type { Scheduler } from '../ports/scheduler.js';
import type { WaSyncStore } from '../ports/store.js';
import { type InactivityOptions, inactivitySchema, zone } from './inactivity-config.js';
import { parseOptions } from './parse-options.js';

/** What `createWaSync` takes. Durations are whole milliseconds; an unknown key is an error that names it. */
export interface WaSyncOptions {
  /** Where the rows are. */
  store: WaSyncStore;
  /** Opens and heals connections; absent, the host attaches its own. */
  provider?: ConnectionProvider | undefined;
  /** What "the current session" means where a caller names none. */
  currentSession?: string | undefined;
  /**
   * Name of this process among its siblings. Give a stable one (a pod or host name): a restarted process then takes
   * over from its dead predecessor within two ticks instead of a whole lease. @defaultValue a random name
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
        /** Closes inactive conversations; one run among all replicas. @defaultValue `'0 * * * *'` */
        inactivity?: string | false | undefined;
      }
    | undefined;
  /**
   * Calls for the cluster jobs (`cleanup`, `inactivity`) at their slots in the place of wa-sync's own schedule, such
   * as a queue of the host's. `sync` stays per replica.
   */
  scheduler?: Scheduler | undefined;
  /** Which conversations are closed, and how. */
  inactivity?: InactivityOptions | undefined;
  /** Which sessions the cleanup takes. */
  cleanup?:
    | {
        /** Days without a sign of life until a session is deactivated. @defaultValue 30 */
        afterDays?: number | undefined;
        /**
         * Days without a sign of life until its row and credentials are deleted. A row that was old when it came is
         * deactivated first, and stays so for the difference to `afterDays`. @defaultValue 60
         */
        purgeAfterDays?: number | undefined;
        /** The largest part of all sessions that one run may take, at least one session. @defaultValue 0.2 */
        maxFraction?: number | undefined;
        /**
         * Milliseconds after its start in which a replica cleans up nothing, so that its logins have time to come up;
         * 0 where it runs no sessions.
         * @defaultValue 600,000
         */
        settleMs?: number | undefined;
        /**
         * Deletes credentials that the host keeps itself; a session whose call fails is tried again in the next run.
         */
        purgeCredentials?: ((params: { sessionId: string }) => unknown) | undefined;
      }
    | undefined;
  /** What is remembered of the changes of rows, where the store keeps that. */
  history?:
    | {
        /** Days until a change is forgotten. @defaultValue 30 */
        keepDays?: number | undefined;
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
  /**
   * The one logger: the provider, the store, attached connections and the HTTP handler write to it too. A pino
   * instance fits as it is, winston by `fromWinston(logger)`.
   * @defaultValue `consoleLogger({ level: 'warn' })`
   */
  logger?: Logger | undefined;
  /** @defaultValue the system's */
  clock?: Clock | undefined;
  /** @defaultValue the system's */
  random?: RandomSource | undefined;
}

const whole = (what: string, lowest: number, highest: number) =>
  z.int(what).check(z.gte(lowest, what), z.lte(highest, what));
/** In groups where it is long enough to be masked as a phone number. */
const figure = (value: number) => (value < 1_000_000 ? String(value) : value.toLocaleString('en-US'));
const wholeMs = (lowest: number, highest: number) =>
  whole(`takes milliseconds, a whole number from ${lowest} to ${figure(highest)}`, lowest, highest);
const wholeFrom1 = (highest: number) => whole(`takes a whole number from 1 to ${highest}`, 1, highest);
const between = (what: string, lowest: number, highest: number) =>
  z.number(what).check(z.gte(lowest, what), z.lte(highest, what));
const days = between('takes days, from 1 to 3650', 1, 3_650);
const cronOrFalse = z.union([z.string(), z.literal(false)], 'takes a cron expression or false');
const name = 'takes a name of 1 to 200 characters';

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
  provider: z.optional(port<ConnectionProvider>('a provider, such as baileysProvider({ auth })', ['open'])),
  scheduler: z.optional(port<Scheduler>('a scheduler with start and stop', ['start', 'stop'])),
  currentSession: z.optional(z.string('takes a session id')),
  replicaId: z.optional(z.string(name).check(z.minLength(1, name), z.maxLength(200, name))),
  timeZone: z._default(zone, 'UTC'),
  observeOnly: z._default(z.boolean('takes true or false'), false),
  jobs: z.prefault(
    z.strictObject({
      sync: z._default(cronOrFalse, '*/5 * * * *'),
      cleanup: z._default(cronOrFalse, '0 2 * * *'),
      inactivity: z._default(cronOrFalse, '0 * * * *'),
    }),
    {},
  ),
  cleanup: z.prefault(
    z
      .strictObject({
        afterDays: z._default(days, 30),
        purgeAfterDays: z._default(days, 60),
        settleMs: z._default(wholeMs(0, 3_600_000), 600_000),
        maxFraction: z._default(between('takes a number from 0 to 1', 0, 1), 0.2),
        purgeCredentials: z.optional(
          z.custom<(params: { sessionId: string }) => unknown>(
            (value) => typeof value === 'function',
            'takes a function',
          ),
        ),
      })
      .check(
        z.refine((cleanup) => cleanup.purgeAfterDays >= cleanup.afterDays, {
          message: 'takes at least as many days as afterDays',
          path: ['purgeAfterDays'],
        }),
      ),
    {},
  ),
  probe: z.prefault(
    z.strictObject({
      timeoutMs: z._default(wholeMs(50, 60_000), 5_000),
      silenceMs: z._default(wholeMs(100, 600_000), 20_000),
      failures: z._default(wholeFrom1(10), 2),
    }),
    {},
  ),
  history: z.prefault(z.strictObject({ keepDays: z._default(days, 30) }), {}),
  lease: z.prefault(
    z
      .strictObject({
        ttlMs: z._default(wholeMs(300, 600_000), 30_000),
        tickMs: z._default(wholeMs(50, 60_000), 5_000),
      })
      .check(
        z.refine((lease) => lease.tickMs * 3 <= lease.ttlMs, {
          message: 'takes a tickMs of at most a third of ttlMs',
          path: ['tickMs'],
        }),
      ),
    {},
  ),
  inactivity: inactivitySchema,
  logger: loggerOption,
  clock: z._default(port<Clock>('a clock', ['now', 'monotonicMs', 'schedule', 'yield']), systemClock),
  random: z._default(port<RandomSource>('a random source', ['next', 'token']), systemRandom),
} satisfies { [Key in keyof WaSyncOptions]-?: z.core.$ZodType<unknown, WaSyncOptions[Key]> });

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
  const { jobs, replicaId, currentSession, ...rest } = parseOptions('createWaSync', schema, options);
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
