import type { Observation } from '../domain/session.js';
import type { RecordedMessage } from './conversation-store.js';
import type { UsesLogger } from './logger.js';

/** `answered`: a round trip succeeded. `timeout`: asked and heard nothing. `unavailable`: could not ask. */
export type ProbeAnswer = 'answered' | 'timeout' | 'unavailable';

/**
 * What is known after a send. `sent`: acknowledged by WhatsApp. `unknown`: no answer in time. `failed`: refused,
 * nothing was delivered.
 */
export type SendAnswer = 'sent' | 'unknown' | 'failed';

/**
 * The live object of one session inside this process. Adapters implement it; the engine never sees a socket.
 * One instance stands for one session for as long as it is attached or open, however many sockets come and go in it.
 */
export interface WhatsAppConnection extends UsesLogger {
  readonly sessionId: string;
  /** What the connection knows now, without I/O. Must not throw. */
  snapshot(): Observation;
  /** One round trip to WhatsApp, settled within `timeoutMs`. */
  probe(params: { timeoutMs: number }): Promise<ProbeAnswer>;
  /** Calls `listener` after anything that `snapshot` shows may have changed; returns the way to stop. */
  onChange(listener: () => void): () => void;
  /**
   * Sends a text under a given message id and waits for WhatsApp's acknowledgement. Absent where the adapter cannot
   * send; then conversations are closed without a word.
   */
  sendText?(params: { chat: string; text: string; messageId: string; timeoutMs: number }): Promise<SendAnswer>;
  /**
   * Reports messages of the host's conversations, each once or, after a reconnect, again; until `close`, which hands
   * over first what has arrived. Absent where the adapter does not know the conversations.
   */
  onMessages?(listener: (messages: readonly RecordedMessage[]) => Promise<void>): () => void;
  /** Settles when all that arrived until now has been passed to the listeners of `onMessages`. */
  messagesDelivered?(): Promise<void>;
  /**
   * Asks WhatsApp for a code that a person types in on the phone of this number (digits with country code), while the
   * status is `QR_CODE`. The same code again where it still stands. Absent where the adapter cannot pair.
   */
  requestPairingCode?(params: { phone: string }): Promise<{ code: string; expiresAt: Date }>;
  /** Unlinks the device at WhatsApp; the status becomes `LOGGED_OUT`. Absent where the adapter cannot. */
  logOut?(): Promise<void>;
  /**
   * The engine found the link dead: end it so that whoever repairs it (the provider, or the host's own loop) starts.
   * `reason` is the stable code to show.
   */
  heal(params: { reason: string }): Promise<void>;
  /** Ends what this object opened and drops its listeners. Never ends a socket that the host owns. */
  close(params: { reason: string }): Promise<void>;
}

/** Opens and heals connections for sessions that wa-sync runs itself. */
export interface ConnectionProvider extends UsesLogger {
  /**
   * Starts opening a session and returns its connection at once. The caller has claimed the session: `tenure` is the
   * token of that claim, and `fenced` aborts when the claim is lost, after which nothing may be opened or written.
   * `stillOurs` asks the store whether the claim stands; false also where it is not known, or the lease has run out. A
   * login that was thrown out by another one is not to be repeated before it says yes. `phone` is the number that the
   * row has, so that credentials of another one are not taken for this session's; a session that is linked anew may
   * get another.
   */
  open(params: {
    sessionId: string;
    tenure: string;
    phone?: string | null | undefined;
    fenced: AbortSignal;
    stillOurs?: (() => Promise<boolean>) | undefined;
  }): WhatsAppConnection;
}
