import type { BaileysWebSocketLike } from './baileys-like.js';

const HANDLED = new Set(['CB:message', 'CB:receipt', 'CB:notification', 'CB:call']);

type AnyListener = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Replaces each listener of `event` by `wrap(listener)`. The wrapper answers to the original's name, so that `off(original)` and
 * `listeners()` go on working.
 */
function wrapListeners(ws: BaileysWebSocketLike, event: string, wrap: (listener: AnyListener) => AnyListener): void {
  for (const listener of ws.listeners(event) as AnyListener[]) {
    ws.off(event, listener);
    ws.on(event, Object.assign(wrap(listener), { listener }));
  }
}

/**
 * Keeps errors inside a socket's listeners from becoming unhandled rejections, which end the Node process and every other session
 * in it. One undecryptable frame does that in Baileys: the promise of its `message` listener is awaited by nobody.
 *
 * @param params.onBroken - the stream is out of step: no later frame can be decrypted
 * @param params.onHandlerError - a stanza's handler failed; the stream itself goes on
 * @param params.onHandler - a stanza of a kind that a deaf connection leaves lying is being handled
 */
export function containListeners(params: {
  ws: BaileysWebSocketLike;
  onBroken(error: unknown): void;
  onHandlerError(error: unknown): void;
  onHandler(outcome: Promise<unknown>, kind: string): void;
}): void {
  const { ws, onBroken, onHandlerError, onHandler } = params;
  wrapListeners(ws, 'message', (listener) => contain(listener, onBroken));
  for (const event of ws.eventNames()) {
    if (typeof event === 'string' && event.startsWith('CB:')) {
      const follow = HANDLED.has(event) ? (outcome: Promise<unknown>) => onHandler(outcome, event) : undefined;
      wrapListeners(ws, event, (listener) => contain(listener, onHandlerError, follow));
    }
  }
}

function isBacklog(stanza: unknown): boolean {
  return (stanza as { attrs?: { offline?: unknown } } | null | undefined)?.attrs?.offline !== undefined;
}

function contain(
  listener: AnyListener,
  onError: (error: unknown) => void,
  follow?: (outcome: Promise<unknown>) => void,
): AnyListener {
  return function contained(...args) {
    try {
      const outcome = listener.apply(this, args);
      if (!(outcome instanceof Promise)) return outcome;
      const settled = outcome.catch(onError);
      // One of the backlog is only put in a queue: its promise says nothing of its handling.
      if (!isBacklog(args[0])) follow?.(settled);
      return settled;
    } catch (error) {
      onError(error);
      return undefined;
    }
  };
}
