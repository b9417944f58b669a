/**
 * A connection that a test plays. It holds two things apart, because that is what wa-sync is about: what the link
 * really is (`script.link`) and what the connection says of itself (`snapshot`). Only the script and `heal`/`close`
 * change either.
 */
import type {
  Clock,
  KnownObservation,
  Observation,
  ProbeAnswer,
  Reason,
  SendAnswer,
  SessionState,
  SessionStatus,
  WhatsAppConnection,
} from '@wa-sync/core';

/** What a probe does. `truth`: what the link gives. `never` does not settle, `throws` rejects. */
export type ProbeScript = ProbeAnswer | 'truth' | 'never' | 'throws';

/**
 * What `heal` does: the link ends and a reconnect begins, it is open again at once, nothing at all, or a rejection.
 */
export type HealScript = 'reconnecting' | 'open' | 'nothing' | 'throws';

/** What a send does. `never` does not settle, `throws` rejects; either may have left. */
export type SendScript = SendAnswer | 'never' | 'throws';

/** A message that was given to the connection. */
export type SentText = Readonly<Parameters<NonNullable<WhatsAppConnection['sendText']>>[0]>;

/** `silent` is the link that died without a close event. */
export type LinkState = 'open' | 'silent' | 'closed';

/** What a script can have its connection say. */
export type ScriptedState = SessionState & Pick<KnownObservation, 'restartRequested'>;

/** The other side of a {@link ScriptedConnection}. */
export interface ConnectionScript {
  /** What is true. */
  readonly link: LinkState;
  /** The link opens: `CONNECTED`, healthy, a frame just now. */
  open(): void;
  /** The link ends with a close event. @defaultValue `status` `RECONNECTING` */
  close(reason: Reason | string, status?: SessionStatus): void;
  /** The link dies without a close event: the snapshot stays as it is, probes run into their timeout. */
  goSilent(): void;
  /** Something arrives: the link is open, and silent for 0 ms. */
  receiveFrame(): void;
  /** What the connection says of itself, true or not. */
  set(state: Partial<ScriptedState>): void;
  /** The connection does not know, until the next `open`, `close` or `set`. */
  unknown(why: string): void;
  /**
   * What probes do from now on, `afterMs` later.
   * @defaultValue `truth`; `afterMs` 0, for `timeout` the probe's own `timeoutMs`
   */
  onProbe(script: ProbeScript, params?: { afterMs?: number }): void;
  /** What `heal` does from now on. @defaultValue `reconnecting` */
  onHeal(script: HealScript): void;
  /** What sends do from now on. @defaultValue `sent` */
  onSend(script: SendScript): void;
  /** Texts that were given to the connection to send, the oldest first. */
  readonly sent: readonly SentText[];
  /** Probes that were asked for. */
  readonly probes: number;
  /** The reasons of all calls of `heal`, the oldest first. */
  readonly heals: readonly string[];
  /** The reasons of all calls of `close`, the oldest first. */
  readonly closes: readonly string[];
  /** Listeners that are notified of changes now. */
  readonly listeners: number;
}

/** A {@link WhatsAppConnection} with its script. */
export interface ScriptedConnection extends WhatsAppConnection {
  readonly script: ConnectionScript;
}

/** Settings of {@link createScriptedConnection}. */
export interface ScriptedConnectionOptions {
  readonly sessionId: string;
  readonly clock: Clock;
  /** What the connection says at first; the link is open where it is `CONNECTED`. @defaultValue `CONNECTED` */
  readonly status?: SessionStatus | undefined;
  /** Whether `close` leaves the link as it is, as for a socket of the host. @defaultValue false */
  readonly hostOwned?: boolean | undefined;
}

const toReason = (reason: Reason | string): Reason => (typeof reason === 'string' ? { code: reason } : reason);

/**
 * A connection whose link and words a test sets.
 *
 * @example
 * const connection = createScriptedConnection({ sessionId: 'sales', clock });
 * await wa.attach(connection).ready;
 * connection.script.goSilent();
 */
export function createScriptedConnection(options: ScriptedConnectionOptions): ScriptedConnection {
  const { sessionId, clock, status = 'CONNECTED', hostOwned = false } = options;
  const listeners = new Set<{ readonly run: () => void }>();
  const heals: string[] = [];
  const closes: string[] = [];
  let state: ScriptedState = { status, health: 'healthy', reason: null, reconnectAttempt: 0, phone: null, qr: null };
  let link: LinkState = status === 'CONNECTED' ? 'open' : 'closed';
  let frameAtMs = link === 'open' ? clock.monotonicMs() : null;
  let unknownWhy: string | null = null;
  let probes = 0;
  let onProbe: { readonly script: ProbeScript; readonly afterMs?: number | undefined } = { script: 'truth' };
  let onHeal: HealScript = 'reconnecting';
  let onSend: SendScript = 'sent';
  const sent: SentText[] = [];

  function say(next: Partial<ScriptedState>): void {
    state = { ...state, ...next };
    unknownWhy = null;
    notify();
  }

  function notify(): void {
    for (const { run } of [...listeners]) run();
  }

  function open(): void {
    link = 'open';
    frameAtMs = clock.monotonicMs();
    say({ status: 'CONNECTED', health: 'healthy', reason: null, reconnectAttempt: 0, qr: null });
  }

  function end(reason: Reason, next: SessionStatus, reconnectAttempt: number): void {
    link = 'closed';
    say({ status: next, reason, reconnectAttempt, qr: null });
  }

  function snapshot(): Observation {
    if (unknownWhy !== null) return { kind: 'unknown', why: unknownWhy };
    return { kind: 'known', ...state, silentForMs: frameAtMs === null ? null : clock.monotonicMs() - frameAtMs };
  }

  function answer(script: ProbeScript): Exclude<ProbeScript, 'truth'> {
    if (script !== 'truth') return script;
    return link === 'open' ? 'answered' : link === 'silent' ? 'timeout' : 'unavailable';
  }

  function probe({ timeoutMs }: { timeoutMs: number }): Promise<ProbeAnswer> {
    probes += 1;
    const { script, afterMs } = onProbe;
    const said = answer(script);
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        if (said === 'answered') frameAtMs = clock.monotonicMs();
        if (said === 'throws') reject(new Error('The script makes this probe fail'));
        else if (said !== 'never') resolve(said);
      };
      const delayMs = afterMs ?? (said === 'timeout' ? timeoutMs : 0);
      if (delayMs === 0) settle();
      else clock.schedule(settle, delayMs);
    });
  }

  async function heal({ reason }: { reason: string }): Promise<void> {
    heals.push(reason);
    if (onHeal === 'throws') throw new Error('The script makes this heal fail');
    if (onHeal === 'open') open();
    if (onHeal === 'reconnecting') end({ code: reason }, 'RECONNECTING', state.reconnectAttempt + 1);
  }

  async function sendText(text: SentText): Promise<SendAnswer> {
    sent.push(text);
    if (onSend === 'throws') throw new Error('The script makes this send fail');
    return onSend === 'never' ? new Promise(() => {}) : onSend;
  }

  async function close({ reason }: { reason: string }): Promise<void> {
    closes.push(reason);
    listeners.clear();
    if (!hostOwned) end({ code: reason }, 'DISCONNECTED', 0);
  }

  const script: ConnectionScript = {
    get link() {
      return link;
    },
    get probes() {
      return probes;
    },
    get listeners() {
      return listeners.size;
    },
    heals,
    closes,
    open,
    close: (reason, next = 'RECONNECTING') => end(toReason(reason), next, state.reconnectAttempt),
    goSilent() {
      link = 'silent';
    },
    receiveFrame() {
      link = 'open';
      frameAtMs = clock.monotonicMs();
      notify();
    },
    set: say,
    unknown(why) {
      unknownWhy = why;
      notify();
    },
    onProbe(next, { afterMs } = {}) {
      onProbe = { script: next, afterMs };
    },
    onHeal(next) {
      onHeal = next;
    },
    sent,
    onSend(next) {
      onSend = next;
    },
  };

  return {
    sessionId,
    snapshot,
    probe,
    onChange(listener) {
      const entry = { run: listener };
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    heal,
    sendText,
    close,
    script,
  };
}
