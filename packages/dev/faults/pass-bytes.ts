import type { Socket } from 'node:net';

/** Bytes that may wait in one direction before its sender is no longer read. */
const HIGH_WATER = 1 << 20;

/** One direction of a link: passes bytes and the end in order, unless it is held. Owns what waits. */
export interface Lane {
  /** Passes bytes on, at once or when their delay or the hold is over. */
  push(data: Buffer): void;
  /** Passes the end on, behind all that came before it. */
  end(): void;
  /** Nothing passes while held. */
  hold(held: boolean): void;
  /** Milliseconds that everything takes from now on. */
  delay(delayMs: number): void;
  /** Drops what waits. */
  stop(): void;
}

/** A direction that leads from one socket to another; `ended` is called when the end has passed. */
export function createLane(from: Socket, to: Socket, ended: () => void): Lane {
  const waiting: { readonly data: Buffer | null; readonly dueAt: number }[] = [];
  let [held, delayMs, bytes, over] = [false, 0, 0, false];
  let timer: NodeJS.Timeout | null = null;

  function pump(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    while (!held && !over) {
      const first = waiting[0];
      if (first === undefined) break;
      const early = first.dueAt - performance.now();
      if (early > 0) {
        timer = setTimeout(pump, Math.ceil(early));
        break;
      }
      waiting.shift();
      if (first.data === null) {
        over = true;
        to.end(ended);
        return;
      }
      bytes -= first.data.length;
      to.write(first.data);
    }
    if (bytes + to.writableLength < HIGH_WATER && from.isPaused()) from.resume();
  }

  function add(data: Buffer | null): void {
    const last = waiting.at(-1);
    // A shorter delay than before must not overtake what is on its way.
    waiting.push({ data, dueAt: Math.max(performance.now() + delayMs, last?.dueAt ?? 0) });
    bytes += data?.length ?? 0;
    pump();
    if (bytes + to.writableLength >= HIGH_WATER) from.pause();
  }

  to.on('drain', pump);
  return {
    push: add,
    end: () => add(null),
    hold(now) {
      held = now;
      pump();
    },
    delay(now) {
      delayMs = now;
    },
    stop() {
      over = true;
      waiting.length = 0;
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}
