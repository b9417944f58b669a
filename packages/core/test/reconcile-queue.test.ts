import { createManualClock, createScriptedConnection } from '@wa-sync/testing';
import { describe, expect, it } from 'vitest';
import { createHeldSessions } from '../src/engine/owned-sessions/held-sessions.js';
import { createReconcileQueue, type Queued } from '../src/engine/reconcile/reconcile-queue.js';

/** A queue whose passes take a turn each. */
function queueOf() {
  const clock = createManualClock();
  const sessions = createHeldSessions();
  const batches: (readonly Queued[])[] = [];
  const queue = createReconcileQueue(async (batch) => {
    batches.push([...batch]);
    await new Promise((resolve) => setImmediate(resolve));
    for (const { held, waiters } of batch) for (const waiter of waiters) waiter({ id: held.id } as never);
    return true;
  });
  const hold = (id: string) =>
    sessions.add({ mode: 'attached', connection: createScriptedConnection({ sessionId: id, clock }) });
  const passes = () => batches.map((batch) => batch.map(({ held, trigger }) => `${held.id} ${trigger}`));
  return { queue, hold, batches, passes };
}

describe('the queue of reconcile passes', () => {
  it('makes one pass of all that names a session before its turn, and another of what comes during the pass', async () => {
    const { queue, hold, passes } = queueOf();
    const [a, b] = [hold('a'), hold('b')];
    const told: string[] = [];
    for (const held of [b, a, b]) queue.enqueue(held, 'event', ({ id }) => told.push(id));
    await Promise.resolve();
    queue.enqueue(a, 'event');
    await queue.finished();
    expect(passes()).toEqual([['b event', 'a event'], ['a event']]);
    expect(told).toEqual(['b', 'b', 'a']);
  });

  it('is a sync where one of them is, whichever came first', async () => {
    const { queue, hold, passes } = queueOf();
    const [a, b] = [hold('a'), hold('b')];
    queue.enqueue(a, 'event');
    queue.enqueue(a, 'sync');
    queue.enqueue(b, 'sync');
    queue.enqueue(b, 'event');
    await queue.finished();
    expect(passes()).toEqual([['a sync', 'b sync']]);
  });

  it('passes over the connection that took the place of another, and reports to who waited for that one', async () => {
    const { queue, hold, batches } = queueOf();
    const old = hold('a');
    const told: string[] = [];
    queue.enqueue(old, 'event', ({ id }) => told.push(id));
    const next = hold('a');
    queue.enqueue(next, 'event');
    await queue.finished();
    expect(batches.map((batch) => batch.map(({ held }) => held))).toEqual([[next]]);
    expect(told).toEqual(['a']);
  });

  it('passes over at most a thousand at once, one batch after the other', async () => {
    const { queue, hold, batches } = queueOf();
    for (let n = 0; n < 2_500; n += 1) queue.enqueue(hold(`s${n}`), 'event');
    await queue.finished();
    expect(batches.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
  });
});
