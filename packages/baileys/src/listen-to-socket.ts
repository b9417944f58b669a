/**
 * Everything that wa-sync hangs on a socket to hear of it: listeners, ears and the wrappers around Baileys' own listeners.
 *
 * Owns: what hangs there. States: live; ended (the socket has closed: what it emits too late is still handed on, errors are still
 * contained); released (given back to the host, the socket behaves as it would without us).
 */
import type { Clock } from '@wa-sync/core';
import type { BaileysSocketLike, ConnectionUpdateLike } from './baileys-like.js';
import { containListeners } from './contain-listeners.js';
import { cutHangingClose } from './cut-hanging-close.js';
import { flushEvents } from './end-socket.js';
import { hearLinkEnd } from './hear-link-end.js';
import { OURS } from './late-socket.js';
import { restTransactions } from './rest-transactions.js';
import { type OnMessages, tapMessages } from './tap-messages.js';

export function listenToSocket(params: {
  socket: BaileysSocketLike;
  clock: Clock;
  onUpdate(update: ConnectionUpdateLike): void;
  onFrame(frame: unknown): void;
  /** The link ended and Baileys does not tell. */
  onLinkEnded(): void;
  /** The socket will not recover, and Baileys does not notice. */
  onDead(reason: string): void;
  /** A stanza is being handled. */
  onHandler(outcome: Promise<unknown>, kind: string): void;
  onHandlerError: ((error: unknown) => void) | undefined;
  onMessages: OnMessages | undefined;
}) {
  const { socket, clock, onUpdate, onDead, onHandler, onHandlerError, onMessages } = params;
  const { ev, ws } = socket;
  let live = true;
  let released = false;

  function onRefused(_request: unknown, response: unknown): void {
    const status = (response as { statusCode?: unknown } | undefined)?.statusCode;
    // Baileys has no ear for this event and would wait for ever.
    onDead(`http_${typeof status === 'number' ? status : 'refused'}`);
  }

  restTransactions(socket);
  const tap = onMessages && tapMessages({ socket, onMessages });
  const onFrame = Object.assign((frame: unknown) => params.onFrame(frame), { [OURS]: true });
  ev.on('connection.update', onUpdate);
  ws.on('frame', onFrame);
  ws.on('unexpected-response', onRefused);
  const stopHearing = hearLinkEnd({ ws, clock, onEnded: params.onLinkEnded });
  const stopCutting = cutHangingClose({ ws, clock, onBegun: () => flushEvents(socket) });
  socket.registerSocketEndHandler?.(() => {
    if (!released) flushEvents(socket);
  });
  containListeners({
    ws,
    onBroken: (error) => {
      if (released) throw error;
      onDead('stream_broken');
    },
    onHandlerError: (error) => {
      if (released) throw error;
      onHandlerError?.(error);
    },
    onHandler,
  });

  function stopListening(): void {
    live = false;
    stopCutting();
    stopHearing();
    ev.off('connection.update', onUpdate);
    ws.off('frame', onFrame);
    ws.off('unexpected-response', onRefused);
  }

  return {
    /** The socket has closed. */
    end(): void {
      stopListening();
      tap?.end();
    },
    /** Gives the socket back as it was. */
    release(): void {
      released = true;
      if (!live) return;
      stopListening();
      tap?.release();
    },
  };
}
