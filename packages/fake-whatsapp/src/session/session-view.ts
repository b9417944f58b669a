import type { ConnectionPlan } from '../link/connection-plan.js';
import type { Connection, ConnectionState, LinkFaults } from '../link/connection-view.js';
import type { WaitOptions } from './waiter.js';

/** Where a device stands in the server's own view. Only `online` counts as connected. */
export type SessionState = 'offline' | Exclude<ConnectionState, 'closed'>;

export type SessionEvent =
  | 'paired'
  | 'login-started'
  | 'login'
  | 'login-refused'
  | 'replaced'
  | 'silent'
  | 'resumed'
  | 'ended'
  | 'closed'
  | 'protocol-error'
  | 'undeliverable'
  | 'logged-out';

export type HistoryEntry = {
  at: Date;
  event: SessionEvent;
  /** Undefined where the event came about without a connection. */
  connectionId?: number;
  detail?: string;
};

/** What can go wrong from the moment on at which a login says who it is. */
export type LoginPlan = Omit<ConnectionPlan, 'refuseUpgrade' | 'silentAfter' | 'resetAfter'> & {
  silentAfter?: 'handshake' | 'success';
  resetAfter?: 'handshake' | 'success';
};

/** How the server treats the messages that a device sends. */
export type MessagePolicy = {
  /** Whether they get an ack. Default: `ok`. */
  ack?: 'ok' | 'never';
  /** Makes the ack a refusal with this code, for example 463. */
  error?: number;
  /** Whether they reach those they are for. Default: true, false with an `error`. */
  deliver?: boolean;
};

/**
 * One linked device. The faults act on its connection (the one that is online, else the newest) and throw where it
 * has none; `delayReplies`, `ignoreIqs` and `answerIqs` hold for its later connections too.
 */
export type Session = LinkFaults & {
  /** `<phone>:<device>@s.whatsapp.net` */
  readonly jid: string;
  readonly lid: string;
  readonly phone: string;
  readonly device: number;
  readonly state: SessionState;
  /** True while a logged-in stream is open and frames may flow on it. */
  readonly connected: boolean;
  /** False once the phone, or the device itself, has unlinked it. */
  readonly linked: boolean;
  /** Number of logins that got their `<success>`. */
  readonly logins: number;
  readonly lastLoginAt: Date | undefined;
  /** When the last frame of any of its connections arrived. */
  readonly lastFrameAt: Date | undefined;
  readonly history: readonly HistoryEntry[];
  /** Each time that `connected` changed, oldest first; it begins as false. */
  readonly transitions: readonly { at: Date; connected: boolean }[];
  /** Whether it was connected at that instant. */
  wasConnected(at: Date): boolean;
  /** Its connections whose TCP is up, oldest first. */
  readonly connections: readonly Connection[];
  /** What goes wrong with the next logins. Default: with one. */
  planNextLogin(plan: LoginPlan, options?: { times?: number }): void;
  /** Answers the next logins with `<failure reason>`. Default: one login. */
  failNextLogin(reason: number, options?: { attrs?: Record<string, string>; times?: number }): void;
  /** Forgets what was planned for logins to come. */
  clearPlans(): void;
  /** How its messages are treated from now on; `{}` is the default again. */
  treatMessages(policy: MessagePolicy): void;
  /** Number of messages and receipts for it that it has not confirmed. */
  readonly pending: number;
  /** The phone unlinks the device: `stream:error` 401 device_removed now, `<failure reason="401">` from now on. */
  logOut(): void;
  /** Resolves as soon as it is connected, at once where it is. */
  waitForLogin(options?: WaitOptions): Promise<Session>;
  /** Resolves at the next login after this call. */
  waitForNextLogin(options?: WaitOptions): Promise<Session>;
  waitForState(state: SessionState, options?: WaitOptions): Promise<Session>;
  /** Resolves when the history holds this event, at once where it does. */
  waitForEvent(event: SessionEvent, options?: WaitOptions): Promise<HistoryEntry>;
  /** Resolves at the next such event after this call. */
  waitForNextEvent(event: SessionEvent, options?: WaitOptions): Promise<HistoryEntry>;
};
