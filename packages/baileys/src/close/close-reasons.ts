import type { SessionStatus } from '@wa-sync/core';
import { CLOSE_WORDS } from './close-words.js';

/**
 * What to do about a close. `reopen_now`: a new socket at once · `back_off`: a new socket after a jittered pause ·
 * `open_failed`: the same, and an error from the third time in a row on · `confirm_once`: try once more before
 * believing it · `replaced`: only while the session is still ours, and after a pause · `slow_retry`: seldom ·
 * `wait_for_expiry`: when the ban is over · `wait_for_person`: nothing is broken, somebody has to act · `logged_out`:
 * pair again · `stop`: a person has to act, and the cause is a fault.
 */
export type CloseAction =
  | 'reopen_now'
  | 'back_off'
  | 'open_failed'
  | 'confirm_once'
  | 'replaced'
  | 'slow_retry'
  | 'wait_for_expiry'
  | 'wait_for_person'
  | 'logged_out'
  | 'stop';

/** What is known of a close: Baileys' status code, its message and its `error.data`. */
export interface CloseFacts {
  readonly code?: number | null | undefined;
  readonly message?: string | null | undefined;
  readonly data?: unknown;
}

/** What a close means. */
export interface CloseReason {
  /** Stable code, shown as the session's reason. */
  readonly code: string;
  /** The status that follows, once the close is believed (`confirm_once` and `slow_retry` ask again first). */
  readonly status: SessionStatus;
  readonly action: CloseAction;
  /** Whether a new socket may be opened without a person. */
  readonly reconnects: boolean;
  /** `quarantine`: keep them apart so that a person can bring them back; never delete them at once. */
  readonly credentials: 'keep' | 'quarantine';
  readonly words: { readonly en: string; readonly pt: string };
}

export interface CloseRule extends CloseReason {
  when(facts: ReadFacts): boolean;
}

/** Attributes that distinguish closes. */
export interface StanzaAttrs {
  readonly type?: unknown;
  readonly reason?: unknown;
}

/** The facts in the form that rules compare. */
export interface ReadFacts {
  readonly code: number | null;
  readonly message: string;
  /** Attributes of the stanza that ended the stream, where there was one. */
  readonly attrs: StanzaAttrs;
  /** The reason that wa-sync itself gave when it ended the socket. */
  readonly ours: string | null;
}

const repaired = { status: 'RECONNECTING', reconnects: true, credentials: 'keep' } as const;
const gone = { status: 'LOGGED_OUT', action: 'logged_out', reconnects: false, credentials: 'quarantine' } as const;
const isFailure = (facts: ReadFacts) => /^Connection Failure/i.test(facts.message) || facts.attrs.reason !== undefined;
const isUpgrade = (facts: ReadFacts) => /^WebSocket Error/i.test(facts.message);

/** First match wins, so narrow rules stand above wide ones. */
export const CLOSE_RULES: readonly CloseRule[] = [
  {
    code: 'stream_broken',
    ...repaired,
    action: 'reopen_now',
    words: CLOSE_WORDS.stream_broken,
    when: (facts) => facts.ours === 'stream_broken',
  },
  {
    code: 'silent',
    ...repaired,
    action: 'back_off',
    words: CLOSE_WORDS.silent,
    when: (facts) => facts.ours !== null,
  },
  {
    code: 'logged_out',
    ...gone,
    words: CLOSE_WORDS.logged_out,
    when: (facts) =>
      facts.attrs.type === 'device_removed' ||
      (facts.code === 401 && (/Intentional Logout/i.test(facts.message) || (!isUpgrade(facts) && isFailure(facts)))),
  },
  {
    code: 'network_error',
    ...repaired,
    action: 'back_off',
    words: CLOSE_WORDS.network_error,
    // A proxy that answers 401 or 403 to the upgrade says nothing about the login.
    when: isUpgrade,
  },
  {
    code: 'account_locked',
    ...gone,
    words: CLOSE_WORDS.account_locked,
    when: (facts) => facts.code === 403 && isFailure(facts),
  },
  {
    code: 'account_banned',
    ...gone,
    words: CLOSE_WORDS.account_banned,
    when: (facts) => facts.code === 406 && isFailure(facts),
  },
  {
    code: 'unauthorized',
    ...repaired,
    action: 'confirm_once',
    words: CLOSE_WORDS.unauthorized,
    when: (facts) => facts.code === 401 || facts.code === 403 || facts.code === 406,
  },
  {
    code: 'temporary_ban',
    status: 'ERROR',
    action: 'wait_for_expiry',
    reconnects: true,
    credentials: 'keep',
    words: CLOSE_WORDS.temporary_ban,
    when: (facts) => facts.code === 402,
  },
  {
    code: 'client_refused',
    status: 'ERROR',
    action: 'slow_retry',
    reconnects: true,
    credentials: 'keep',
    words: CLOSE_WORDS.client_refused,
    when: (facts) => facts.code === 405,
  },
  {
    code: 'server_not_trusted',
    status: 'ERROR',
    action: 'slow_retry',
    reconnects: true,
    credentials: 'keep',
    words: CLOSE_WORDS.server_not_trusted,
    when: (facts) => facts.code === 400 && /certificat/i.test(facts.message),
  },
  {
    code: 'bad_request',
    status: 'ERROR',
    action: 'stop',
    reconnects: false,
    credentials: 'keep',
    words: CLOSE_WORDS.bad_request,
    when: (facts) => facts.code === 400,
  },
  {
    code: 'bad_user_agent',
    status: 'ERROR',
    action: 'stop',
    reconnects: false,
    credentials: 'keep',
    words: CLOSE_WORDS.bad_user_agent,
    when: (facts) => facts.code === 409,
  },
  {
    code: 'pair_again',
    ...gone,
    words: CLOSE_WORDS.pair_again,
    when: (facts) => facts.code === 411,
  },
  {
    code: 'replaced',
    status: 'REPLACED',
    action: 'replaced',
    reconnects: true,
    credentials: 'keep',
    words: CLOSE_WORDS.replaced,
    when: (facts) => facts.code === 440,
  },
  {
    code: 'restart_required',
    ...repaired,
    action: 'reopen_now',
    words: CLOSE_WORDS.restart_required,
    when: (facts) => facts.code === 515,
  },
  {
    code: 'qr_expired',
    status: 'DISCONNECTED',
    action: 'wait_for_person',
    reconnects: false,
    credentials: 'keep',
    words: CLOSE_WORDS.qr_expired,
    when: (facts) => facts.code === 408 && /QR refs/i.test(facts.message),
  },
  {
    code: 'connection_lost',
    ...repaired,
    action: 'back_off',
    words: CLOSE_WORDS.connection_lost,
    when: (facts) => facts.code === 408 && /lost/i.test(facts.message),
  },
  {
    code: 'timed_out',
    ...repaired,
    action: 'back_off',
    words: CLOSE_WORDS.timed_out,
    when: (facts) => facts.code === 408,
  },
  {
    code: 'connection_closed',
    ...repaired,
    action: 'back_off',
    words: CLOSE_WORDS.connection_closed,
    // 1000 to 1015 are the WebSocket's own codes: a query in flight is rejected with the bare number 1006.
    when: (facts) => facts.code === 428 || (facts.code !== null && facts.code >= 1000 && facts.code <= 1015),
  },
  {
    code: 'service_unavailable',
    ...repaired,
    action: 'back_off',
    words: CLOSE_WORDS.service_unavailable,
    when: (facts) => facts.code === 503,
  },
  {
    code: 'server_error',
    ...repaired,
    action: 'back_off',
    words: CLOSE_WORDS.server_error,
    when: (facts) => (facts.code === 500 || facts.code === 501) && isFailure(facts),
  },
  {
    code: 'stream_error',
    ...repaired,
    action: 'back_off',
    words: CLOSE_WORDS.stream_error,
    when: (facts) => /^Stream Errored/i.test(facts.message),
  },
  {
    code: 'ended_by_app',
    ...repaired,
    action: 'back_off',
    words: CLOSE_WORDS.ended_by_app,
    when: (facts) => facts.code === null && facts.message === '',
  },
  {
    code: 'unknown_close',
    ...repaired,
    action: 'back_off',
    words: CLOSE_WORDS.unknown_close,
    when: () => true,
  },
];
