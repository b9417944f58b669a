/**
 * The Postgres store. Owns: its statements, prepared once the schema is up to date and the host's table was read; the
 * queue of credential writes; listeners on the caller's pool that let a broken connection end nothing; a few connections
 * of its own beside it. Everything else is in the database, and no answer is cached.
 * States: new, ready (after `init`, or the first call, which runs it), closed.
 */
import type {
  AuthStore,
  CleanupStore,
  ConversationStore,
  HistoryStore,
  InboxStore,
  JobStore,
  Logger,
  WaSyncStore,
} from '@wa-sync/core';
import { systemClock, WaSyncError } from '@wa-sync/core';
import { createFailureLog, lateLogger } from '@wa-sync/core/adapter';
import { type PostgresStoreOptions, parseConfig } from './driver/config.js';
import { createOwnPools, sayShared } from './driver/own-pools.js';
import { type PgPoolLike, surviveBrokenClients } from './driver/pg-pool.js';
import { createStatementRunner } from './driver/run-statement.js';
import { hostViewText, ownSessionRows } from './host-table/compile-mirror.js';
import type { MirrorFinding } from './host-table/judge-columns.js';
import { readHostTable } from './host-table/read-catalogue.js';
import { runMigrations } from './migrations/run-migrations.js';
import { createAuth } from './ports/auth.js';
import { createCleanup } from './ports/cleanup.js';
import { createConversations } from './ports/conversations.js';
import { createHistory } from './ports/history.js';
import { createHostSessions } from './ports/host-sessions.js';
import { createInbox } from './ports/inbox.js';
import { createJobs } from './ports/jobs.js';
import { createLeases } from './ports/leases.js';
import { listenForNotifications } from './ports/listen-for-notifications.js';
import { createSessions } from './ports/sessions.js';
import { freeFencedSessions } from './statements/end-sessions.js';
import { channelOf } from './statements/inbox-statements.js';
import { inspectMirrors, type PreparedStore, prepareStore, refuseFindings } from './statements/prepare-store.js';

/** A `WaSyncStore` on Postgres, credentials included. */
export interface PostgresStore extends WaSyncStore {
  readonly auth: AuthStore;
  readonly jobs: JobStore;
  readonly cleanup: CleanupStore;
  readonly conversations: ConversationStore;
  readonly history: HistoryStore;
  readonly inbox: InboxStore;
  useLogger(params: { logger: Logger }): void;
  /** Holds the mappings against the live catalogue, and returns everything that is wrong or worth knowing. */
  checkMirror(): Promise<readonly MirrorFinding[]>;
  /**
   * `CREATE VIEW "<table>Effective"` for the host's own migrations: its table with the effective status. `null`
   * without a mirror. Not created by wa-sync, because a view stands in the way of `ALTER TABLE` on the columns it
   * shows.
   */
  hostViewSql(): Promise<string | null>;
}

/**
 * A store on Postgres (`pg.Pool`) or PGlite, with a mirror of the host's own table where one is given.
 *
 * A `pg.Pool` without an `error` listener ends the process when an unused connection breaks, so one that does nothing
 * is added until `close()`. The pool is never closed.
 *
 * @throws WaSyncError `config_invalid` here; `mirror_invalid`, `schema_newer`, `store_unreachable`, `store_rights`
 * from `init()`, `store_timeout` and `store_failed` from any call
 * @example
 * const store = createPostgresStore({
 *   pool: new pg.Pool({ connectionString: process.env.DATABASE_URL }),
 *   mirror: { sessions: prismaWhatsAppSession() },
 * });
 */
export function createPostgresStore(options: PostgresStoreOptions): PostgresStore {
  const config = parseConfig(options);
  const { pool, timeouts, auth, mirror } = config;
  const { sessions } = mirror;
  const { logger, useLogger } = lateLogger();
  const own = createOwnPools({ pool, directUrl: config.directUrl });
  const limits = { ...timeouts };
  const runnerOn = (on: PgPoolLike) => createStatementRunner({ pool: on, prepare: config.prepare, limits });
  const runner = runnerOn(pool);
  // Each counts for itself what was given up, so that a flood of questions refuses no beat.
  const [beats, rows] = own.shared === null ? [runnerOn(own.beats), runnerOn(own.rows)] : [runner, runner];
  const failures = createFailureLog({ logger, clock: systemClock });
  let starting: Promise<PreparedStore> | null = null;
  let closed = false;

  const stopSurviving = surviveBrokenClients(pool);

  const over = () => closed || (pool as { ending?: unknown }).ending === true;

  async function prepare(): Promise<PreparedStore> {
    await runMigrations(runner, config.schema);
    sayShared(logger, own.shared);
    await own.warm();
    const { findings, sql } = await inspectMirrors(runner, config);
    refuseFindings(findings);
    for (const { about, problem, fix } of findings) {
      logger?.info({ code: 'mirror_note', about }, `The mapped ${about} ${problem}; ${fix}`);
    }
    return prepareStore(config, sql);
  }

  /** A failed start is tried again by the next call. */
  function start(): Promise<PreparedStore> {
    const attempt = prepare();
    starting = attempt;
    attempt.catch(() => {
      if (starting === attempt) starting = null;
    });
    return attempt;
  }

  function ready(): Promise<PreparedStore> {
    if (closed) throw new WaSyncError('not_running', 'The store was closed');
    return starting ?? start();
  }

  function onRefused(error: unknown): void {
    failures.failed(
      { code: 'give_back_failed' },
      'A row that is to be claimed, freed or closed is refused: it stays as it is',
      error,
    );
  }

  async function translated<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw runner.translate(error);
    }
  }

  return {
    useLogger,
    capabilities: { durable: true, shared: true, mirror: sessions !== undefined },
    sessions: createSessions({ runner, rows, ready, onRefused }),
    leases: createLeases({
      runner,
      beats,
      secondWay: own.shared === null,
      ready,
      configured: timeouts,
      freeFenced: ({ limit }) =>
        translated(async () => freeFencedSessions({ runner: rows, prepared: await ready(), limit, onRefused })),
    }),
    auth: createAuth({ runner, ready, keyRing: auth.keyRing, logger }),
    jobs: createJobs({ runner, ready }),
    cleanup: createCleanup({ runner, ready }),
    conversations: createConversations({ runner, ready, logger }),
    history: createHistory({ runner, ready }),
    inbox: createInbox({
      runner,
      ready,
      listen:
        config.notify && own.listening !== null
          ? listenForNotifications({ pool: own.listening, over, channel: channelOf(config.schema), logger })
          : null,
    }),
    hostSessions: sessions && createHostSessions({ runner, ready, config: sessions }),
    init: () => translated(async () => void (await start())),
    checkMirror: () => translated(async () => (await inspectMirrors(runner, config)).findings),
    hostViewSql: () =>
      translated(async () => {
        const table = sessions === undefined ? null : await readHostTable(runner, sessions.table);
        if (sessions === undefined || table === null) return null;
        refuseFindings(ownSessionRows(sessions, table).findings);
        return hostViewText(config, sessions, table);
      }),
    async close() {
      closed = true;
      stopSurviving();
      await own.end();
    },
  };
}
