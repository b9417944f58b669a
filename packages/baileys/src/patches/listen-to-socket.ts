/**
 * Everything that wa-sync adds to a socket to follow it: listeners, and what takes the place of its methods.
 *
 * Owns: what hangs there. States: live; ended (the socket has closed: what it emits too late is still handed on,
 * errors are still contained); released (the socket is the host's again and behaves as it would without us).
 */
import type { Clock } from '@wa-sync/core';
import type { BaileysSocketLike, ConnectionUpdateLike } from '../client/baileys-like.js';
import { OURS } from '../client/baileys-like.js';
import { type OnMessages, tapMessages } from '../messages/tap-messages.js';
import { type ContainedListeners, containListeners, type ListenerObserver } from './contain-listeners.js';
import { HangingCloseCut, LinkEndListener } from './cut-hanging-close.js';
import { flushEvents } from './end-socket.js';
import { restTransactions } from './rest-transactions.js';

/** Who is notified of what a socket does. */
export interface SocketObserver extends ListenerObserver {
  onUpdate(update: ConnectionUpdateLike): void;
  onFrame(frame: unknown): void;
  /** The link ended and Baileys does not emit it. */
  onLinkEnded(): void;
  /** The socket will not recover, and Baileys does not notice. */
  onDead(reason: string): void;
}

export class SocketListening {
  private live = true;
  private released = false;
  private readonly onUpdate: (update: ConnectionUpdateLike) => void;
  private readonly onFrame: (frame: unknown) => void;
  private readonly onRefused: (request: unknown, response: unknown) => void;
  private readonly linkEnd: LinkEndListener;
  private readonly closeCut: HangingCloseCut;
  private readonly contained: ContainedListeners;
  private readonly tap: ReturnType<typeof tapMessages> | undefined;

  constructor(
    private readonly socket: BaileysSocketLike,
    clock: Clock,
    private readonly observer: SocketObserver,
    /** Absent where nobody wants them. */
    onMessages: OnMessages | undefined,
  ) {
    const { ev, ws } = socket;
    restTransactions(socket);
    this.tap = onMessages && tapMessages({ socket, onMessages });
    this.onUpdate = (update) => observer.onUpdate(update);
    this.onFrame = Object.assign((frame: unknown) => observer.onFrame(frame), { [OURS]: true });
    // Baileys has no listener for this event and would wait for ever.
    this.onRefused = (_, response) => observer.onDead(refusal(response));
    ev.on('connection.update', this.onUpdate);
    ws.on('frame', this.onFrame);
    ws.on('unexpected-response', this.onRefused);
    this.linkEnd = new LinkEndListener(ws, clock, observer);
    this.closeCut = new HangingCloseCut(ws, clock, this);
    socket.registerSocketEndHandler?.(() => {
      if (!this.released) flushEvents(socket);
    });
    this.contained = containListeners(ws, observer);
  }

  onCloseBegun(): void {
    flushEvents(this.socket);
  }

  /** The socket has closed. */
  end(): void {
    this.stopListening();
    this.tap?.end();
  }

  /**
   * Restores the socket as it was. Errors of a socket that has ended stay contained: they would end the process.
   */
  release(): void {
    this.released = true;
    if (!this.live) return;
    this.stopListening();
    this.contained.leave(this.observer);
    this.tap?.release();
  }

  private stopListening(): void {
    this.live = false;
    const { ev, ws } = this.socket;
    this.closeCut.stop();
    this.linkEnd.stop();
    ev.off('connection.update', this.onUpdate);
    ws.off('frame', this.onFrame);
    ws.off('unexpected-response', this.onRefused);
  }
}

function refusal(response: unknown): string {
  const status = (response as { statusCode?: unknown } | undefined)?.statusCode;
  return `http_${typeof status === 'number' ? status : 'refused'}`;
}
