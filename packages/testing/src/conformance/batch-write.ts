import { change, holdAll, join, RACERS, race, token } from './arrange.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';

const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `s${String(index).padStart(4, '0')}`);

/** Many guarded writes in one call: each stands or falls alone, and each has one outcome, found by its id. */
export function describeBatchWrite(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('batch write', () => {
    test('of none returns none', async ({ store }) => {
      expect(await store.sessions.write({ owner: await join(store), writes: [] })).toEqual([]);
    });

    test('applies the writes whose guard holds and only those', async ({ store }) => {
      const owner = await join(store);
      const held = await holdAll(store, owner, numbered(20));
      const writes = held.map(({ id, tenure, version }, index) => ({
        id: index % 5 === 4 ? `${id}-unknown` : id,
        tenure: index % 5 === 3 ? 'tenure:other' : (tenure ?? ''),
        version: index % 5 === 2 ? version - 1 : version,
        writeId: token('write'),
        set: index % 5 === 1 ? null : change({ status: 'RECONNECTING', reconnectAttempt: index }),
      }));
      const outcomes = await store.sessions.write({ owner, writes });
      expect(outcomes.map(({ id }) => id).sort()).toEqual(writes.map(({ id }) => id).sort());
      const applied = new Map(outcomes.map((outcome) => [outcome.id, outcome]));
      const rows = await store.sessions.get({ ids: held.map(({ id }) => id) });
      expect(rows).toHaveLength(20);
      for (const [index, before] of held.entries()) {
        const row = rows.find(({ id }) => id === before.id);
        const outcome = applied.get(writes[index]?.id ?? '');
        const { writeId } = writes[index] ?? {};
        if (index % 5 >= 2) {
          expect(outcome).toEqual({ id: writes[index]?.id, applied: false });
          expect(row).toEqual(before);
        } else if (index % 5 === 1) {
          expect(row).toEqual({ ...before, version: before.version + 1, writeId });
          expect(outcome).toMatchObject({ applied: true, session: { id: before.id, version: before.version + 1 } });
        } else {
          expect(row).toMatchObject({
            status: 'RECONNECTING',
            reconnectAttempt: index,
            version: before.version + 1,
            writeId,
          });
          expect(outcome).toMatchObject({ applied: true, session: { id: before.id, reconnectAttempt: index } });
        }
      }
    });

    test('takes 1,000 different states', async ({ store }) => {
      const owner = await join(store);
      const held = await holdAll(store, owner, numbered(1000));
      const writes = held.map(({ id, tenure, version }, index) => ({
        id,
        tenure: tenure ?? '',
        version,
        writeId: token('write'),
        set: change({
          status: index % 2 === 0 ? 'RECONNECTING' : 'QR_CODE',
          qr: `qr-${index}`,
          phone: index % 3 === 0 ? null : String(5_511_900_000_000 + index),
          reason: index % 4 === 0 ? null : { code: `code_${index % 7}`, detail: `detail "${index}"` },
          seenAgoMs: index % 5 === 0 ? null : index,
        }),
      }));
      const outcomes = await store.sessions.write({ owner, writes });
      expect(outcomes.filter((outcome) => outcome.applied)).toHaveLength(1000);
      const rows = new Map((await store.sessions.list({ limit: 1000 })).map((row) => [row.id, row]));
      for (const [index, { id, set }] of writes.entries()) {
        const { seenAgoMs, qr, ...state } = set;
        expect(rows.get(id)).toMatchObject({ ...state, qr: index % 2 === 0 ? null : qr });
        expect(rows.get(id)?.lastSeenAt === null).toBe(seenAgoMs === null);
      }
    });

    test(`of the same rows by ${RACERS} clients in different orders ends, each row with one winner`, async (harness) => {
      const { store } = harness;
      const owner = await join(store);
      const held = await holdAll(store, owner, numbered(100));
      const clients = await clientsOf(harness, RACERS);
      const answers = await race(clients, (client, racer) => {
        const writes = held.map(({ id, tenure, version }) => ({
          id,
          tenure: tenure ?? '',
          version,
          writeId: token('write'),
          set: change({ status: 'RECONNECTING', reconnectAttempt: racer }),
        }));
        // Opposite orders are what makes stores that lock row by row wait for each other in a circle.
        return client.sessions.write({ owner, writes: racer % 2 === 0 ? writes : writes.reverse() });
      });
      const winners = new Map<string, number>();
      for (const [racer, outcomes] of answers.entries()) {
        for (const { id, applied } of outcomes) {
          if (!applied) continue;
          expect(winners.has(id)).toBe(false);
          winners.set(id, racer);
        }
      }
      expect(winners.size).toBe(100);
      for (const row of await store.sessions.list({ limit: 1000 })) {
        expect(row.reconnectAttempt).toBe(winners.get(row.id));
        expect(row.version).toBe((held.find(({ id }) => id === row.id)?.version ?? 0) + 1);
      }
    });
  });
}
