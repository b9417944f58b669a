import { type ExpectedState, type StatusChange, sessionIdHash } from '@wa-sync/core';
import { claim, create, hold, holdAll, join, named, readOne, tryClaim, write } from './arrange.js';
import { expect } from './expect.js';
import { type StoreSuite, storeTest } from './store-suite.js';

const CONNECTED: ExpectedState = { status: 'CONNECTED', health: 'healthy', reason: null };

const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map(({ id }) => id).sort();
const hashSum = (ids: readonly string[]): number => ids.reduce((sum, id) => sum + sessionIdHash(id), 0);

/** One read of all rows of an owner that returns only the exceptions. */
export function describeSweep(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('sweep', () => {
    test('of an owner without rows is empty', async ({ store }) => {
      await hold(store, await join(store), 'somebody-elses');
      const owner = await join(store, 'other');
      const empty = { exceptions: [], count: 0, idHashSum: 0 };
      expect(await store.sessions.sweep({ owner, expected: CONNECTED, otherIds: ['somebody-elses'] })).toEqual(empty);
      const nobody = { owner: 'incarnation:unknown', expected: CONNECTED, otherIds: [] };
      expect(await store.sessions.sweep(nobody)).toEqual(empty);
    });

    test('of rows that are all as expected fetches none, and counts and sums all', async ({ store }) => {
      const [owner, other] = [await join(store), await join(store, 'other')];
      const ids = Array.from({ length: 300 }, (_, index) => `sessão-${index}`);
      await holdAll(store, owner, ids);
      await holdAll(store, other, ['not-mine']);
      await create(store, 'nobodys');
      const answer = await store.sessions.sweep({ owner, expected: CONNECTED, otherIds: [] });
      expect(answer).toEqual({ exceptions: [], count: 300, idHashSum: hashSum(ids) });
    });

    const differences: { what: string; fields: Partial<StatusChange>; expected?: Partial<ExpectedState> }[] = [
      { what: 'the status', fields: { status: 'RECONNECTING' } },
      { what: 'the health', fields: { health: 'degraded' } },
      { what: 'a reason where none is expected', fields: { reason: { code: 'slow' } } },
      {
        what: 'another reason than expected',
        fields: { reason: { code: 'slow' } },
        expected: { reason: { code: 'lost' } },
      },
      { what: 'no reason where one is expected', fields: {}, expected: { reason: { code: 'lost' } } },
    ];
    for (const { what, fields, expected } of differences) {
      test(`fetches a row that differs in ${what}, as it stands`, async ({ store }) => {
        const owner = await join(store);
        const common = { reason: null, ...expected };
        await holdAll(store, owner, ['a', 'c'], common);
        const odd = await hold(store, owner, 'b', fields);
        const answer = await store.sessions.sweep({ owner, expected: { ...CONNECTED, ...expected }, otherIds: [] });
        expect(answer).toEqual({ exceptions: [odd], count: 3, idHashSum: hashSum(['a', 'b', 'c']) });
      });
    }

    test('judges a reason by its code, not its detail', async ({ store }) => {
      const owner = await join(store);
      await hold(store, owner, 'a', { status: 'ERROR', reason: { code: 'banned', detail: 'one text' } });
      const expected = { status: 'ERROR', health: 'healthy', reason: { code: 'banned', detail: 'another' } } as const;
      expect(await store.sessions.sweep({ owner, expected, otherIds: [] })).toMatchObject({ exceptions: [], count: 1 });
    });

    test('does not judge what belongs to the row alone', async ({ store }) => {
      const owner = await join(store);
      await hold(store, owner, 'a', { phone: '5511999990000', reconnectAttempt: 2, seenAgoMs: 10 });
      expect(await store.sessions.sweep({ owner, expected: CONNECTED, otherIds: [] })).toMatchObject({
        exceptions: [],
      });
    });

    test('fetches rows that their owner has not vouched for yet, and ones that should not run', async ({ store }) => {
      const owner = await join(store);
      await create(store, 'claimed');
      await claim(store, owner, 'claimed');
      await hold(store, owner, 'stopped');
      await store.sessions.setDesired({ id: 'stopped', desired: 'stopped' });
      await hold(store, owner, 'as-expected');
      const answer = await store.sessions.sweep({ owner, expected: CONNECTED, otherIds: [] });
      expect(idsOf(answer.exceptions)).toEqual(['claimed', 'stopped']);
      const expected = { status: 'DISCONNECTED', health: 'healthy', reason: null } as const;
      const unvouched = await store.sessions.sweep({ owner, expected, otherIds: [] });
      expect(idsOf(unvouched.exceptions)).toEqual(['as-expected', 'claimed', 'stopped']);
    });

    test('fetches the rows asked for by id once each, right or not, where they are the owner’s', async ({ store }) => {
      const owner = await join(store);
      const [right] = await holdAll(store, owner, ['a', 'b', 'c']);
      const odd = await write(store, await readOne(store, 'b'), { status: 'QR_CODE', qr: '2@abc' });
      await hold(store, await join(store, 'other'), 'others');
      const otherIds = ['a', 'b', 'others', 'unknown'];
      const answer = await store.sessions.sweep({ owner, expected: CONNECTED, otherIds });
      expect([...answer.exceptions].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual([right, odd]);
      expect(answer).toMatchObject({ count: 3, idHashSum: hashSum(['a', 'b', 'c']) });
    });

    test('shows by count and sum a row that vanished, one taken over, and one exchanged for another', async ({
      store,
    }) => {
      const owner = await join(store);
      await holdAll(store, owner, ['a', 'b', 'c', 'd']);
      const sweep = () => store.sessions.sweep({ owner, expected: CONNECTED, otherIds: [] });
      await store.sessions.remove({ id: 'a' });
      expect(await sweep()).toEqual({ exceptions: [], count: 3, idHashSum: hashSum(['b', 'c', 'd']) });
      await tryClaim(store, await join(store, 'taker'), 'b', 'takeover');
      expect(await sweep()).toEqual({ exceptions: [], count: 2, idHashSum: hashSum(['c', 'd']) });
      await store.sessions.release({
        owner,
        sessions: await named(store, 'c'),
        unobservedIds: [],
        reason: { code: 'detached' },
      });
      await hold(store, owner, 'e');
      expect(await sweep()).toEqual({ exceptions: [], count: 2, idHashSum: hashSum(['d', 'e']) });
    });

    test('goes on after the lease ran out: the rows are judged, not their effective status', async ({
      store,
      advance,
    }) => {
      const owner = await join(store);
      await hold(store, owner, 'a');
      await advance(60_000);
      expect(await store.sessions.sweep({ owner, expected: CONNECTED, otherIds: [] })).toMatchObject({
        exceptions: [],
      });
      const asked = await store.sessions.sweep({ owner, expected: CONNECTED, otherIds: ['a'] });
      expect(asked.exceptions[0]).toMatchObject({ effective: { status: 'DISCONNECTED', evidence: 'expired' } });
    });

    test('writes nothing', async ({ store }) => {
      const owner = await join(store);
      await holdAll(store, owner, ['a', 'b'], { status: 'RECONNECTING' });
      const before = await store.sessions.list({ limit: 10 });
      await store.sessions.sweep({ owner, expected: CONNECTED, otherIds: ['a'] });
      expect(await store.sessions.list({ limit: 10 })).toEqual(before);
    });

    test('of 5,000 rows that all differ fetches all', async ({ store }) => {
      const owner = await join(store);
      const ids = Array.from({ length: 5000 }, (_, index) => `s${index}`);
      await holdAll(store, owner, ids);
      const expected = { ...CONNECTED, status: 'RECONNECTING' } as const;
      const answer = await store.sessions.sweep({ owner, expected, otherIds: ids.slice(0, 100) });
      expect(answer).toMatchObject({ count: 5000, idHashSum: hashSum(ids) });
      expect(idsOf(answer.exceptions)).toEqual([...ids].sort());
    });
  });
}
