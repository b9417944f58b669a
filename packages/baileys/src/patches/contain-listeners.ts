import { promiseHooks } from 'node:v8';
import type { BaileysWebSocketLike } from '../client/baileys-like.js';

const HANDLED = new Set(['CB:message', 'CB:receipt', 'CB:notification', 'CB:call']);

type AnyListener = ((...args: unknown[]) => unknown) & { readonly listener?: unknown };
type Emit = BaileysWebSocketLike['emit'];

/** Who is notified of what a socket's listeners do. */
export interface ListenerObserver {
  /** The stream is out of step: no later frame can be decrypted. */
  onBroken(error: unknown): void;
  /** A stanza's handler failed; the stream itself goes on. */
  onHandlerError(error: unknown): void;
  /** A stanza of a kind that a stalled connection leaves unhandled is being handled. */
  onHandler(outcome: Promise<unknown>, kind: string): void;
}

/**
 * Where the next one who listens finds what is there already: on the socket and not on its `emit`, in front of which a
 * host may have put a function of its own.
 */
const CONTAINED = Symbol.for('@wa-sync/contained-listeners');

/**
 * Keeps errors inside a socket's listeners from becoming unhandled rejections, which end the Node process and every
 * other session in it. One undecryptable frame does that in Baileys: the promise of its `message` listener is awaited
 * by nobody.
 *
 * It calls the listeners in the emitter's place: a wrapper around each of them would cost every session 4 KB. Only
 * those are contained that are there when somebody begins to listen, which are Baileys' own; listeners that a host
 * adds later stay the host's.
 */
export function containListeners(
  ws: BaileysWebSocketLike & { [CONTAINED]?: ContainedListeners },
  observer: ListenerObserver,
): ContainedListeners {
  ws[CONTAINED] ??= new ContainedListeners(ws);
  ws[CONTAINED].join(observer);
  return ws[CONTAINED];
}

class ContainedListeners {
  private observers: readonly ListenerObserver[] = [];
  private listeners: readonly unknown[] = [];
  /** How many events were emitted, so that an emit within another is seen. */
  private emitted = 0;
  private readonly emitPlain: Emit;

  constructor(private readonly ws: BaileysWebSocketLike) {
    this.emitPlain = ws.emit;
    ws.emit = (event, ...args) => this.emit(event, args);
  }

  join(observer: ListenerObserver): void {
    this.observers = this.observers.concat(observer);
    const present = this.ws.eventNames().flatMap((event) => (isContained(event) ? this.ws.listeners(event) : []));
    this.listeners = this.listeners.concat(present.filter((listener) => !this.listeners.includes(listener)));
  }

  /** When the last observer leaves, the socket behaves as it would without us. */
  leave(observer: ListenerObserver): void {
    this.observers = this.observers.filter((other) => other !== observer);
  }

  private emit(event: string, args: unknown[]): unknown {
    this.emitted += 1;
    if (this.observers.length === 0 || !isContained(event)) return this.emitPlain.call(this.ws, event, ...args);
    // A copy, as an emitter's own, so that listeners may come and go meanwhile; raw, so that one for a single time
    // takes itself away.
    const listeners = (this.ws.rawListeners?.(event) ?? this.ws.listeners(event)) as AnyListener[];
    for (const listener of listeners) {
      if (this.listeners.includes(listener.listener ?? listener)) this.call(listener, event, args);
      else listener.apply(this.ws, args);
    }
    return listeners.length > 0;
  }

  private call(listener: AnyListener, event: string, args: unknown[]): void {
    // Remembered, because what was begun may fail after the last one has left: it would end the process all the same.
    const [first] = this.observers;
    const fail = (error: unknown) => this.fail(first, event, error);
    try {
      const outcome = this.run(listener, args, fail);
      if (!(outcome instanceof Promise)) return;
      const handled = outcome.catch(fail);
      // One of the backlog is only put in a queue: its promise says nothing of its handling.
      if (!HANDLED.has(event) || isBacklog(args[0])) return;
      for (const observer of this.observers) observer.onHandler(handled, event);
    } catch (error) {
      fail(error);
    }
  }

  /**
   * Also a handler of one kind of stanza drops a promise: the reply to `offline_preview` rejects where the link has
   * just ended.
   */
  private run(listener: AnyListener, args: unknown[], onError: (error: unknown) => void): unknown {
    const { emitted } = this;
    return catchDroppedPromise({
      listener,
      call: () => listener.apply(this.ws, args),
      mayTake: () => this.emitted === emitted,
      onError,
    });
  }

  private fail(before: ListenerObserver | undefined, event: string, error: unknown): void {
    const first = this.observers[0] ?? before;
    if (event === 'message') first?.onBroken(error);
    else first?.onHandlerError(error);
  }
}

export type { ContainedListeners };

function isContained(event: string | symbol): event is string {
  return typeof event === 'string' && (event === 'message' || event.startsWith('CB:'));
}

function isBacklog(stanza: unknown): boolean {
  return (stanza as { attrs?: { offline?: unknown } } | null | undefined)?.attrs?.offline !== undefined;
}

const AsyncFunction = (async () => {}).constructor;

/**
 * Calls a listener that may drop the promise of its work. Baileys 6 decodes each frame in an async function which its
 * `message` listener neither awaits nor returns: the rejection of a frame that no key decrypts is handled by nobody,
 * and ends the process. That promise is the first one made during the call.
 *
 * @param params.mayTake - asked while promises are made: what is made later on, by handlers of what was decoded, is
 * none of it
 */
function catchDroppedPromise(params: {
  listener: (...args: unknown[]) => unknown;
  call(): unknown;
  mayTake(): boolean;
  onError(error: unknown): void;
}): unknown {
  const { listener, call, mayTake, onError } = params;
  // What is async itself returns its promise, and costs no hook.
  if (listener instanceof AsyncFunction || typeof promiseHooks?.onInit !== 'function') return call();
  let dropped: Promise<unknown> | null = null;
  const stop = promiseHooks.onInit((promise: Promise<unknown>) => {
    if (dropped === null && mayTake()) dropped = promise;
  });
  let outcome: unknown;
  try {
    outcome = call();
  } finally {
    stop();
  }
  if (!(outcome instanceof Promise)) (dropped as Promise<unknown> | null)?.catch(onError);
  return outcome;
}
