/**
 * Borrows a client of the caller's pool, and takes the wish back where nobody waits any more. A pool has no way to do
 * that: a connection to a server that accepts and never answers would keep its place for ever, and so would a place in
 * the queue that becomes such a connection later, until the pool is full of ours. So what a `pg.Pool` has inside is
 * used where it looks as expected; any other pool keeps what was begun.
 */
import type { PgClientLike, PgPoolLike } from './pg-pool.js';

/** What is used of the inside of a `pg.Pool`. */
interface PoolInside {
  readonly options: { readonly max?: number };
  readonly _clients: readonly DialedClient[];
  readonly _pendingQueue: { callback(error: Error): void }[];
}

interface DialedClient {
  readonly _connecting?: boolean;
  readonly _connected?: boolean;
  readonly connection?: { readonly stream?: { destroy(error: Error): void } };
}

/** A client that is asked for. */
export interface Borrowing {
  readonly client: Promise<PgClientLike>;
  /** Takes it back, and says what a person can do; `null` where the client is here already. */
  giveUp(limitMs: number): string | null;
}

/** A dial that takes longer hangs. It may be the caller's own, which would hang for ever as well. */
const HANGS_AFTER_MS = 3_000;
const LOOK_AGAIN_MS = 1_000;

/** When a client was seen first that is not connected yet. */
const dialedAtMs = new WeakMap<DialedClient, number>();

export function borrowClient(pool: PgPoolLike): Borrowing {
  const inside = insideOf(pool);
  const [dialed, queued] = [inside?._clients.length ?? 0, inside?._pendingQueue.length ?? 0];
  const client = (async () => (pool.connect as () => Promise<PgClientLike>).call(pool))();
  const item = inside && inside._pendingQueue.length > queued ? inside._pendingQueue.at(-1) : undefined;
  const own = inside && inside._clients.length > dialed ? inside._clients.at(-1) : undefined;
  if (inside) noteDials(inside);
  let settled = false;
  const settle = () => {
    settled = true;
  };
  client.then(settle, settle);

  /** What was in the queue is dialed by now, and by which client is not told: the first one that hangs is ended. */
  function endHangingDials(pool: PoolInside): void {
    const looking = setInterval(() => {
      const nowMs = performance.now();
      noteDials(pool);
      if (settled || pool._clients.length === 0) clearInterval(looking);
      else {
        const hanging = pool._clients.find((one) => isDialing(one) && nowMs - dialedAtMs.get(one)! >= HANGS_AFTER_MS);
        if (hanging) end(hanging);
      }
    }, LOOK_AGAIN_MS);
    looking.unref();
    noteDials(pool);
  }

  return {
    client,
    giveUp(limitMs) {
      if (settled) return null;
      const what = `gave no connection within ${limitMs} ms`;
      if (inside === null) return `${what}: give the pool a larger max, or a connectionTimeoutMillis`;
      const { _clients, _pendingQueue, options } = inside;
      const why = _clients.some(isDialing)
        ? 'it accepts and does not answer; a connectionTimeoutMillis of the pool ends that sooner'
        : `all ${options.max ?? _clients.length} of the pool are lent, ${_pendingQueue.length} wait; give it a larger max, or find what does not release its client`;
      const place = item === undefined ? -1 : _pendingQueue.indexOf(item);
      if (place >= 0) {
        _pendingQueue.splice(place, 1);
        item?.callback(new Error('given up'));
      } else if (own) {
        // Not at once: the place that this frees would go to the next in the queue that is given up in this moment.
        setImmediate(() => end(own));
      } else {
        endHangingDials(inside);
      }
      return `${what}: ${why}`;
    },
  };
}

/** By then it may have come, and may be lent to somebody else. */
function end(client: DialedClient): void {
  const stream = client.connection?.stream;
  if (isDialing(client) && typeof stream?.destroy === 'function') stream.destroy(new Error('connection given up'));
}

function isDialing({ _connecting, _connected }: DialedClient): boolean {
  return _connecting === true && _connected !== true;
}

function noteDials({ _clients }: PoolInside): void {
  for (const client of _clients) {
    if (isDialing(client) && !dialedAtMs.has(client)) dialedAtMs.set(client, performance.now());
  }
}

function insideOf(pool: PgPoolLike): PoolInside | null {
  const { _clients, _pendingQueue } = pool as Partial<PoolInside>;
  return Array.isArray(_clients) && Array.isArray(_pendingQueue) ? (pool as unknown as PoolInside) : null;
}
