import type { HistoryStore, StoredSession, Transition, WaSyncStore } from '@wa-sync/core';
import { change, claim, create, hold, join, RACERS, readOne, token, tryWrite, write } from './arrange.js';
import { expect } from './expect.js';
import { historyOf } from './history-transitions.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';

const ROUNDS = 12;
/**
 * Real time that a feed may take to show what was committed: a store may wait for a transaction that began earlier.
 */
const SHOWN_WITHIN_MS = 10_000;

const codes = (entries: readonly Transition[]) => entries.map(({ reason }) => reason?.code);

/** Reads on from a cursor, in small parts, until `done` says that it is enough or nothing more is to be hoped for. */
async function follow(history: HistoryStore, after: string, done: (seen: readonly Transition[]) => boolean) {
  const seen: Transition[] = [];
  const until = performance.now() + SHOWN_WITHIN_MS;
  for (let next = after; !done(seen) && performance.now() < until; ) {
    const part = await history.since({ after: next, limit: 7 });
    expect(part.missed).toBe(false);
    expect(part.transitions.length).toBeLessThanOrEqual(7);
    seen.push(...part.transitions);
    next = part.next;
    if (part.transitions.length === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return seen;
}

/** Writes one row again and again, half of the time together with another row in one statement. */
async function writeBatches(store: WaSyncStore, owner: string, first: StoredSession, second: StoredSession) {
  let pair = [first, second];
  for (let round = 0; round < ROUNDS; round += 1) {
    const writes = pair.map(({ id, tenure, version }) => ({
      id,
      tenure: tenure ?? '',
      version,
      writeId: token('write'),
      set: change({ status: 'RECONNECTING', reason: { code: `r${round}` } }),
    }));
    const groups = round % 2 === 0 ? [writes] : writes.map((one) => [one]);
    const outcomes = await Promise.all(groups.map((some) => store.sessions.write({ owner, writes: some })));
    const rows = new Map(
      outcomes.flat().map((outcome) => {
        if (!outcome.applied) throw new Error('The guard was expected to hold');
        return [outcome.id, outcome.session];
      }),
    );
    pair = pair.map(({ id }) => rows.get(id) ?? first);
  }
}

/** The changes of all sessions, in one stream. */
export function describeHistoryFeed(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('since', () => {
    test('begins now, and goes on from where it was', async ({ store }) => {
      const owner = await join(store);
      await hold(store, owner, 'a');
      const history = historyOf(store);
      const start = await history.since({ after: null, limit: 10 });
      expect(start).toEqual({ transitions: [], next: expect.any(String), missed: false });
      for (const code of ['r0', 'r1', 'r2']) await write(store, await readOne(store, 'a'), { reason: { code } });
      const part = await history.since({ after: start.next, limit: 2 });
      expect(codes(part.transitions)).toEqual(['r0', 'r1']);
      const rest = await history.since({ after: part.next, limit: 2 });
      expect(codes(rest.transitions)).toEqual(['r2']);
      expect(await history.since({ after: rest.next, limit: 2 })).toMatchObject({ transitions: [], missed: false });
      const again = await history.since({ after: start.next, limit: 100 });
      expect(again.transitions).toEqual([...part.transitions, ...rest.transitions]);
      expect(again.transitions).toEqual((await history.ofSession({ sessionId: 'a', limit: 3 })).reverse());
    });

    test('goes on after the id of any entry, as a reader that saw only that one does', async ({ store }) => {
      const owner = await join(store);
      await create(store, 'a');
      await claim(store, owner, 'a');
      for (const code of ['r0', 'r1', 'r2']) await write(store, await readOne(store, 'a'), { reason: { code } });
      const [, second] = await historyOf(store).ofSession({ sessionId: 'a', limit: 3 });
      const part = await historyOf(store).since({ after: second?.id ?? '', limit: 10 });
      expect([codes(part.transitions), part.missed]).toEqual([['r2'], false]);
    });

    test('says that something may have been missed where the cursor is older than what is kept', async (harness) => {
      const { store, advance } = harness;
      const owner = await join(store);
      const history = historyOf(store);
      const before = await history.since({ after: null, limit: 10 });
      await hold(store, owner, 'a', { reason: { code: 'old' } });
      const between = await history.since({ after: before.next, limit: 10 });
      expect(codes(between.transitions)).toEqual(['old']);
      await advance(20_000);
      await write(store, await readOne(store, 'a'), { reason: { code: 'new' } });
      await history.prune({ keepMs: 10_000, limit: 10 });
      const late = await history.since({ after: before.next, limit: 10 });
      expect([codes(late.transitions), late.missed]).toEqual([['new'], true]);
      const inTime = await history.since({ after: between.next, limit: 10 });
      expect([codes(inTime.transitions), inTime.missed]).toEqual([['new'], false]);
    });

    test('treats a cursor that it never gave out like none, and as missed', async ({ store }) => {
      const owner = await join(store);
      await hold(store, owner, 'a');
      const history = historyOf(store);
      const { next } = await history.since({ after: null, limit: 10 });
      for (const after of ['', 'nonsense', "'; --", '😀', '-1', '1e999', '9'.repeat(15), '9'.repeat(40)]) {
        const answer = await history.since({ after, limit: 10 });
        expect(answer).toMatchObject({ transitions: [], missed: true });
        await write(store, await readOne(store, 'a'), { reason: { code: token('r') } });
        expect((await history.since({ after: answer.next, limit: 10 })).transitions).toHaveLength(1);
      }
      expect((await history.since({ after: next, limit: 10 })).transitions).toHaveLength(8);
    });

    test(`under ${RACERS} writers returns each change once, leaves none out, and keeps each session’s order`, async (harness) => {
      const { store } = harness;
      const owner = await join(store);
      const ids = Array.from({ length: RACERS * 2 }, (_, index) => `s${index}`);
      const held = new Map<string, StoredSession>();
      for (const id of ids) held.set(id, await hold(store, owner, id));
      const clients = await clientsOf(harness, RACERS);
      const history = historyOf(store);
      const { next } = await history.since({ after: null, limit: 1 });
      const expected = ids.length * ROUNDS;
      const reading = follow(history, next, (seen) => seen.length >= expected);
      await Promise.all([
        reading,
        ...clients.map((client, index) =>
          writeBatches(client, owner, held.get(`s${index}`)!, held.get(`s${index + RACERS}`)!),
        ),
      ]);
      const seen = await reading;
      expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
      const rounds = Array.from({ length: ROUNDS }, (_, round) => `r${round}`);
      for (const id of ids) expect(codes(seen.filter(({ sessionId }) => sessionId === id))).toEqual(rounds);
      expect(seen).toHaveLength(expected);
      // Nothing comes late to where the reader has been.
      expect((await history.since({ after: next, limit: 1_000 })).transitions.map(({ id }) => id)).toEqual(
        seen.map(({ id }) => id),
      );
    });

    test('leaves nothing behind of writes whose guard was missed', async (harness) => {
      const { store } = harness;
      const owner = await join(store);
      const held = await hold(store, owner, 'a');
      const history = historyOf(store);
      const { next } = await history.since({ after: null, limit: 10 });
      const clients = await clientsOf(harness, RACERS);
      const racing = clients.map((client, index) =>
        tryWrite(client, held, change({ status: 'RECONNECTING', reason: { code: `r${index}` } })),
      );
      const won = (await Promise.all(racing)).filter(({ applied }) => applied);
      expect(won).toHaveLength(1);
      const seen = await follow(history, next, (entries) => entries.length > 0);
      expect(seen).toHaveLength(1);
      expect(codes(seen)).toEqual([(await readOne(store, 'a')).reason?.code]);
    });
  });
}
