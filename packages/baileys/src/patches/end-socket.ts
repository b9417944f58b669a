import type { BaileysSocketLike, BaileysWebSocketLike } from '../client/baileys-like.js';
import type { OneTimer } from '../client/timers.js';
import { untilClosed, type WhenClosed } from '../close/close-moment.js';
import type { CloseFacts } from '../close/close-reasons.js';

/** How long Baileys may take to emit a close that we began. */
const CLOSE_EVENT_MS = 1_000;

/** A socket that is to end. */
export interface EndingSocket {
  readonly socket: BaileysSocketLike;
  readonly timer: OneTimer;
  whenClosed: WhenClosed;
  /** Whether its close has not come yet. */
  alive(): boolean;
  /** A fork that never emits its close must not keep its session waiting. */
  becomeClosed(facts: CloseFacts): void;
}

/**
 * Ends a socket once. Baileys waits up to 30 s for the peer's close frame before it emits the close, and a dead peer
 * never sends one: cut by us, the close event comes within milliseconds.
 *
 * Owns: whether the end has begun, from when on the socket emits nothing but its close, and the WebSocket that is to
 * be cut.
 */
export class SocketEnd {
  private raw: RawWebSocket | null = null;

  constructor(private readonly watch: EndingSocket) {}

  begun(): boolean {
    return this.raw !== null;
  }

  /** Resolves with the close. A second call only takes back the grace that the first one gave. */
  async end(reason: string, graceMs: number): Promise<void> {
    if (this.raw !== null) {
      if (graceMs === 0) terminateSocket(this.raw);
    } else {
      this.raw = callEnd(this.watch.socket, reason);
      if (graceMs > 0) this.watch.timer.set(() => this.cut(reason), graceMs);
      else if (this.watch.alive()) this.cut(reason);
    }
    await untilClosed((run) => this.watch.whenClosed(run));
  }

  private cut(reason: string): void {
    if (this.raw !== null) terminateSocket(this.raw);
    this.watch.timer.set(() => this.watch.becomeClosed({ code: 408, data: { waSync: reason } }), CLOSE_EVENT_MS);
  }
}

function callEnd(socket: BaileysSocketLike, reason: string): RawWebSocket {
  // `end()` drops the reference to the WebSocket, so it is taken first.
  const raw = rawWebSocket(socket.ws);
  flushEvents(socket);
  void callIgnoringErrors(() => socket.end(createEndError(reason)));
  return raw;
}

/** Cuts the TCP connection of a socket whose end was begun. */
export function terminateSocket(raw: RawWebSocket): void {
  void callIgnoringErrors(() => raw.terminate?.());
}

/**
 * Hands out the events that Baileys holds back: WhatsApp counts those messages as received, and ending a socket drops
 * them.
 */
export function flushEvents(socket: BaileysSocketLike): void {
  void callIgnoringErrors(() => socket.ev.flush?.());
}

/**
 * Lets queries fail that wait on a socket that has closed. Baileys takes their close listeners away when it ends a
 * socket, so that they hang, and hold the whole socket in memory, until their own timeout: 60 s by default.
 */
export function failPendingQueries(socket: BaileysSocketLike): void {
  if (socket.ws.listenerCount('error') === 0) return;
  void callIgnoringErrors(() => socket.ws.emit('error', createBoom(428, 'Connection Closed', {})));
}

/** The WebSocket under Baileys' wrapper. */
export interface RawWebSocket {
  terminate?(): void;
  on?(event: 'close', listener: () => void): unknown;
  removeListener?(event: 'close', listener: () => void): unknown;
}

/** Protected in Baileys' types, hence the cast through a structural one. */
export function rawWebSocket(wrapper: BaileysWebSocketLike): RawWebSocket {
  const ws = wrapper as unknown as { socket?: RawWebSocket | null } & RawWebSocket;
  return ws.socket ?? ws;
}

/**
 * 408 makes every usual loop reconnect; `data.waSync` carries the reason, so that `classifyClose` knows its own work
 * again.
 */
function createEndError(reason: string): Error {
  return createBoom(408, `Connection was lost (wa-sync: ${reason})`, { waSync: reason });
}

/** An error in Boom's shape, because hosts read `lastDisconnect.error.output.statusCode`. */
function createBoom(statusCode: number, message: string, data: object): Error {
  const payload = { statusCode, message, error: message };
  return Object.assign(new Error(message), {
    isBoom: true,
    isServer: false,
    data,
    output: { statusCode, payload, headers: {} },
  });
}

async function callIgnoringErrors(call: () => unknown): Promise<void> {
  try {
    await call();
  } catch {
    // A listener of the host threw, or the socket was gone already: it has to end in both cases.
  }
}

interface Mappings {
  clear(): void;
  set(...args: unknown[]): unknown;
}

/**
 * Lets the phone and LID pairs of a socket that has ended go for good. Baileys keeps each for three days by a timer
 * that holds the whole cache, and clears the cache with the socket; but a login that was still at work then puts its
 * own pair into it afterwards, so that a session that flaps would leave 6 KB behind each time.
 */
export function dropMappings(socket: BaileysSocketLike): void {
  const { signalRepository } = socket as { signalRepository?: { lidMapping?: { mappingCache?: Partial<Mappings> } } };
  const cache = signalRepository?.lidMapping?.mappingCache;
  if (typeof cache?.clear !== 'function' || typeof cache.set !== 'function') return;
  cache.clear();
  cache.set = () => cache;
}
