import {
  type AuthStore,
  type Clock,
  type ConnectionProvider,
  checkSessionId,
  type RandomSource,
  systemClock,
  systemRandom,
} from '@wa-sync/core';
import { lateLogger, parseOptions } from '@wa-sync/core/adapter';
import * as z from 'zod/mini';
import { authStoreOption, fromAuthStore } from './auth/create-baileys-auth-state.js';
import type { AuthSource } from './client/baileys-auth.js';
import type { BaileysOption } from './client/baileys-module.js';
import { createBaileysLoader } from './client/load-baileys.js';
import type { ConversationOf } from './client/option-types.js';
import {
  attemptTimeoutOption,
  baileysOption,
  clockOption,
  conversationOfOption,
  durationMs,
  hasMethods,
  randomOption,
} from './client/option-types.js';
import { silenceLibsignal } from './patches/silence-logs.js';
import { createLoginSlots } from './session/login-slots.js';
import type { SessionDeps, SessionRun } from './session/session-context.js';
import { runSession } from './session/session-loop.js';

/** Options of `makeWASocket` that a host may set, those of its own version; `auth` is the provider's own business. */
export interface SocketConfig {
  /** How long Baileys shows a QR code. */
  readonly qrTimeout?: number | undefined;
  readonly [option: string]: unknown;
}

/** What `baileysProvider` takes. Durations are whole milliseconds. */
export interface BaileysProviderOptions {
  /** Where credentials are: `store.auth`, or a function that opens them, such as `multiFileAuth({ folder })`. */
  auth: AuthStore | AuthSource;
  /** Passed on to `makeWASocket`: an object, or a function of the session. */
  socketConfig?: SocketConfig | ((params: { sessionId: string }) => SocketConfig) | undefined;
  /**
   * Names the host's conversation of a message, so that it is recorded; `null` where it has none. Asked for what
   * people write, also for groups; not for status updates, channels, reactions and history.
   */
  conversationOf?: ConversationOf | undefined;
  /** Pauses between sockets. */
  backoff?:
    | {
        /** First pause; doubles with every further one until a connection was open for 60 s. @defaultValue 1,000 */
        baseMs?: number | undefined;
        /** Longest pause. @defaultValue 60,000 */
        maxMs?: number | undefined;
      }
    | undefined;
  /**
   * How long a login may be without a frame before it is given up; three times as long in all.
   * @defaultValue 30,000
   */
  attemptTimeoutMs?: number | undefined;
  /**
   * How long the handling of one stanza may take before the session's health is `degraded`; after twice as long the
   * connection is made anew. @defaultValue 30,000
   */
  handlersStalledAfterMs?: number | undefined;
  /** How long one call to the credentials' store may take. @defaultValue 10,000 */
  authTimeoutMs?: number | undefined;
  /** Logins that run at once over all sessions. @defaultValue 10 */
  maxLogins?: number | undefined;
  /**
   * Logins that begin in a second over all sessions, evenly spread; below 1 for one in several seconds.
   * @defaultValue no limit but `maxLogins`
   */
  loginsPerSecond?: number | undefined;
  /** The first login of each session waits a random part of this. @defaultValue 300 */
  loginJitterMs?: number | undefined;
  /**
   * Baileys as the host has it, such as `() => import('baileys')`: called when it is first needed. @defaultValue
   * `@whiskeysockets/baileys` or `baileys`, whichever is installed
   */
  baileys?: BaileysOption | undefined;
  /** @defaultValue the system's */
  clock?: Clock | undefined;
  /** @defaultValue the system's */
  random?: RandomSource | undefined;
}

const MAX_LOGINS = 'takes a whole number from 1 to 10000';

const LOGINS_PER_SECOND = 'takes a number above 0, at most 1000';

const schema = z.strictObject({
  auth: z.union(
    [authStoreOption, z.custom<AuthSource>((value) => typeof value === 'function')],
    'takes an auth store such as store.auth, or a function that opens credentials',
  ),
  socketConfig: z.optional(
    z.union(
      [
        z.custom<(params: { sessionId: string }) => object>((value) => typeof value === 'function'),
        z.custom<object>((value) => typeof value === 'object' && value !== null && !('auth' in value)),
      ],
      'takes options of makeWASocket other than auth, or a function that returns them',
    ),
  ),
  conversationOf: z.optional(conversationOfOption),
  backoff: z.prefault(
    z.strictObject({
      baseMs: z._default(durationMs(), 1_000),
      maxMs: z._default(durationMs(), 60_000),
    }),
    {},
  ),
  attemptTimeoutMs: attemptTimeoutOption,
  handlersStalledAfterMs: z._default(durationMs(), 30_000),
  authTimeoutMs: z._default(durationMs(), 10_000),
  maxLogins: z._default(z.int(MAX_LOGINS).check(z.gte(1, MAX_LOGINS), z.lte(10_000, MAX_LOGINS)), 10),
  loginsPerSecond: z._default(
    z.nullable(z.number(LOGINS_PER_SECOND).check(z.gt(0, LOGINS_PER_SECOND), z.lte(1_000, LOGINS_PER_SECOND))),
    null,
  ),
  loginJitterMs: z._default(durationMs(0), 300),
  baileys: z.optional(baileysOption),
  clock: z._default(clockOption, systemClock),
  random: z._default(randomOption, systemRandom),
});

/**
 * Makes the provider that opens and heals Baileys sockets: one socket at most per session, reconnects with jittered
 * back-off that only a stable connection resets, the right action for each close reason, credentials stored before any
 * reopening.
 *
 * @throws WaSyncError `config_invalid`
 * @example
 * const store = createPostgresStore({ pool });
 * const wa = createWaSync({ store, provider: baileysProvider({ auth: store.auth }) });
 */
export function baileysProvider(options: BaileysProviderOptions): ConnectionProvider {
  const config = parseOptions('baileysProvider', schema, options);
  const { auth, baileys, socketConfig, authTimeoutMs, clock } = config;
  const loader = createBaileysLoader({ baileys, clock });
  const { logger, useLogger } = lateLogger();
  const deps: SessionDeps = {
    ...config,
    logger,
    auth: isSource(auth) ? auth : fromAuthStore({ store: auth, timeoutMs: authTimeoutMs, clock, loader }),
    loader,
    socketConfig: configFor(socketConfig),
    slots: createLoginSlots({ max: config.maxLogins, perSecond: config.loginsPerSecond, clock }),
    stallMemory: new Map(),
  };
  const runs = new Map<string, SessionRun>();
  silenceLibsignal();

  return {
    useLogger,
    open({ sessionId, tenure, fenced, phone = null, stillOurs = async () => true }) {
      const id = checkSessionId(sessionId);
      const running = runs.get(id);
      if (running?.tenure === tenure && !running.halted()) return running.connection;
      const run = runSession(
        {
          sessionId: id,
          tenure,
          fenced,
          stillOurs,
          phone,
          after: running?.stop('reopened'),
          onStopped() {
            if (runs.get(id) === run) runs.delete(id);
          },
        },
        deps,
      );
      runs.set(id, run);
      return run.connection;
    },
  };
}

function configFor(config: object | undefined): SessionDeps['socketConfig'] {
  return typeof config === 'function' ? (config as SessionDeps['socketConfig']) : () => config ?? {};
}

function isSource(auth: AuthStore | AuthSource): auth is AuthSource {
  return typeof auth === 'function' && !hasMethods(auth, ['read', 'write']);
}
