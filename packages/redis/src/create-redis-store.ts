/**
 * The Redis store. Owns: the queue of credential writes, one `error` and one `end` listener on the caller's client, a
 * connection for renewals and rows, another that listens while a replica wants notifications, and what is known of the server's clock. Everything
 * else is in the server, and no answer is cached. States: new, ready (after `init`, or the first call, which runs it),
 * closed.
 */
import {
  type AuthStore,
  type CleanupStore,
  type ConversationStore,
  type HistoryStore,
  type InboxStore,
  type JobStore,
  type Logger,
  WaSyncError,
  type WaSyncStore,
} from '@wa-sync/core';
import { lateLogger } from '@wa-sync/core/adapter';
import { parseConfig, type RedisStoreOptions } from './driver/config.js';
import { storeKeys } from './driver/keys.js';
import type { RedisLike } from './driver/redis-like.js';
import { createScriptRunner, storeCalls } from './driver/run-script.js';
import { createAuth } from './ports/auth.js';
import { createCleanup } from './ports/cleanup.js';
import { createConversations } from './ports/conversations.js';
import { createHistory } from './ports/history.js';
import { createInbox } from './ports/inbox.js';
import { createJobs } from './ports/jobs.js';
import { createLeases } from './ports/leases.js';
import { listenForNotifications } from './ports/listen-for-notifications.js';
import { prepareServer } from './ports/prepare-server.js';
import { createSessions } from './ports/sessions.js';

/**
 * A `WaSyncStore` on Redis, credentials included. It cannot mirror a host's own tables: that is what the Postgres
 * store does.
 */
export interface RedisStore extends WaSyncStore {
  readonly auth: AuthStore;
  readonly jobs: JobStore;
  readonly cleanup: CleanupStore;
  readonly conversations: ConversationStore;
  readonly history: HistoryStore;
  readonly inbox: InboxStore;
  useLogger(params: { logger: Logger }): void;
}

/**
 * A store on Redis 7 or newer, through ioredis or node-redis.
 *
 * A listener for the client's `error` is added until `close()`, because node-redis ends the process where there is
 * none. The client is never closed.
 *
 * @throws WaSyncError `config_invalid` here, and from `init()` for a server that evicts keys; `schema_newer`,
 * `not_supported`, `store_unreachable`, `store_rights` from `init()`; `store_timeout` and `store_failed` from any call
 * @example
 * const store = createRedisStore({ client: new Redis(process.env.REDIS_URL) });
 */
export function createRedisStore(options: RedisStoreOptions): RedisStore {
  const { redis, prefix, auth, timeouts } = parseConfig(options);
  const { logger, useLogger } = lateLogger();
  const keys = storeKeys(prefix);
  let lastError: unknown = null;
  const forgetClient = redis.onError?.((error) => {
    lastError = error;
  });
  const limits = { ...timeouts };
  const runnerOn = (on: RedisLike) =>
    createScriptRunner({ redis: on, limits, lastError: () => lastError, answerKey: keys.answer });
  const runner = runnerOn(redis);
  // Renewals and rows do not stand in the client's queue behind questions to us, nor behind what the caller sends.
  const own = redis.beside?.();
  const ownRunner = own === undefined ? runner : runnerOn(own.redis);
  const notifications =
    redis.subscribe && listenForNotifications({ subscribe: redis.subscribe, channel: keys.channel, logger });
  // A process whose client was ended without `close()` can still exit.
  const forgetEnd = redis.onEnd?.(() => {
    notifications?.stop();
    own?.end();
  });
  let starting: Promise<void> | null = null;
  let closed = false;

  /** A failed start is tried again by the next call. */
  function start(): Promise<void> {
    const attempt = prepareServer({ runner, keys, target: redis.target, logger });
    starting = attempt;
    attempt.catch(() => {
      if (starting === attempt) starting = null;
    });
    return attempt;
  }

  async function ready(): Promise<void> {
    if (closed) throw new WaSyncError('not_running', 'The store was closed');
    await (starting ?? start());
  }

  const calls = storeCalls({ runner, ready });
  const ownCalls = storeCalls({ runner: ownRunner, ready });
  return {
    useLogger,
    capabilities: { durable: true, shared: true, mirror: false },
    sessions: createSessions({ calls, ownCalls, keys, logger }),
    leases: createLeases({ calls: ownCalls, keys, limits, configured: timeouts, logger }),
    auth: createAuth({ calls, keys, keyRing: auth.keyRing, logger, limits: runner.limits }),
    jobs: createJobs({ calls, keys }),
    cleanup: createCleanup({ calls, keys }),
    conversations: createConversations({ calls, keys }),
    history: createHistory({ calls, keys }),
    inbox: createInbox({ calls, keys, listen: notifications?.listen ?? null }),
    init: start,
    async close() {
      closed = true;
      notifications?.stop();
      forgetEnd?.();
      forgetClient?.();
      own?.end();
    },
  };
}
