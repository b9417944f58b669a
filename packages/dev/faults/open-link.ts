import type { Socket } from 'node:net';
import type { BlackHole, Delay, Direction, FaultPlan, LinkFault } from './fault.js';
import { createLane, type Lane } from './pass-bytes.js';

const BOTH = ['to-server', 'to-client'] as const;
/** Milliseconds that a cut waits for what came before it: a peer that does not read must not put it off for ever. */
const FLUSH_MS = 250;
/** Milliseconds between the last bytes and an RST: Node reports an ordinary end to a peer that meets both at once. */
const RESET_PAUSE_MS = 5;

/** One connection through the proxy, and what is to become of it. Owns both sockets, its lanes and its timers. */
export interface Link {
  /** What the plan says now comes next, instead of what was to come; what goes on stays. */
  draw(): void;
  /** This fault comes next, instead of what was to come. */
  arm(fault: LinkFault): void;
  /** Ends a black hole or a delay. */
  heal(): void;
  /** Ends it without a word. */
  destroy(): void;
}

/** Joins two sockets. `happened` is called with each fault as it begins, `closed` when the link is no more. */
export function openLink(params: {
  client: Socket;
  upstream: Socket;
  draw: () => ReturnType<FaultPlan>;
  happened: (kind: LinkFault['kind']) => void;
  closed: () => void;
}): Link {
  const { client, upstream, happened, closed } = params;
  let armed: { readonly fault: LinkFault; left: number } | null = null;
  let passing: NodeJS.Timeout | undefined;
  let state: 'open' | 'ending' | 'gone' = 'open';
  const ended = { 'to-server': false, 'to-client': false };
  const lanes: Record<Direction, Lane> = {
    'to-server': createLane(client, upstream, () => over('to-server')),
    'to-client': createLane(upstream, client, () => over('to-client')),
  };

  function over(direction: Direction): void {
    ended[direction] = true;
    if (ended['to-server'] && ended['to-client']) finish((socket) => socket.destroy());
  }

  function finish(end: (socket: Socket) => void): void {
    if (state === 'gone') return;
    state = 'gone';
    clearTimeout(passing);
    for (const lane of Object.values(lanes)) lane.stop();
    for (const socket of [client, upstream]) end(socket);
    closed();
  }

  /**
   * What came before the end still arrives, a command without its answer or half of either, unless nobody reads it.
   */
  function finishFlushed(end: (socket: Socket) => void, pauseMs: number): void {
    state = 'ending';
    for (const lane of Object.values(lanes)) lane.stop();
    const finishIn = (ms: number) => {
      if (state === 'gone') return;
      clearTimeout(passing);
      passing = setTimeout(() => finish(end), ms);
    };
    finishIn(FLUSH_MS);
    const flushed = [client, upstream].map((socket) => new Promise((done) => socket.write('', done)));
    void Promise.all(flushed).then(() => finishIn(pauseMs));
  }

  function heal(): void {
    // An end that is under way is none to be healed.
    if (state !== 'open') return;
    clearTimeout(passing);
    for (const lane of Object.values(lanes)) {
      lane.delay(0);
      lane.hold(false);
    }
  }

  function strike(fault: LinkFault): void {
    armed = null;
    happened(fault.kind);
    if (fault.kind === 'cut') finishFlushed((socket) => socket.destroy(), 0);
    else if (fault.kind === 'reset') finishFlushed((socket) => socket.resetAndDestroy(), RESET_PAUSE_MS);
    else pass(fault);
  }

  function pass(fault: BlackHole | Delay): void {
    heal();
    for (const direction of fault.direction === undefined ? BOTH : [fault.direction]) {
      if (fault.kind === 'black-hole') lanes[direction].hold(true);
      else lanes[direction].delay(fault.delayMs);
    }
    if (fault.lastsMs !== undefined) passing = setTimeout(recover, fault.lastsMs);
  }

  function recover(): void {
    heal();
    if (armed === null) draw();
  }

  function arm(fault: LinkFault | null): void {
    if (state !== 'open') return;
    armed = fault === null ? null : { fault, left: fault.afterBytes ?? 0 };
    if (fault !== null && armed?.left === 0) strike(fault);
  }

  function draw(): void {
    arm(params.draw());
  }

  function take(direction: Direction, data: Buffer): void {
    if (state !== 'open') return;
    const meant = armed !== null && (armed.fault.direction ?? direction) === direction ? armed : null;
    if (meant === null || data.length < meant.left) {
      if (meant !== null) meant.left -= data.length;
      lanes[direction].push(data);
      return;
    }
    if (meant.left > 0) lanes[direction].push(data.subarray(0, meant.left));
    strike(meant.fault);
    if (meant.left < data.length) take(direction, data.subarray(meant.left));
  }

  for (const [direction, socket] of [
    ['to-server', client],
    ['to-client', upstream],
  ] as const) {
    socket.setNoDelay(true);
    socket.on('data', (data) => take(direction, data));
    socket.on('end', () => lanes[direction].end());
    socket.on('error', () => {});
    // An RST, or a server that is not there: no end came before it.
    socket.on('close', (failed) => {
      if (failed) lanes[direction].end();
    });
  }
  return {
    draw,
    arm,
    heal: recover,
    destroy: () => finish((socket) => socket.destroy()),
  };
}
