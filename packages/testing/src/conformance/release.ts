import {
  claim,
  claimableIds,
  expectWithin,
  hold,
  holdAll,
  join,
  named,
  RACERS,
  race,
  readOne,
  storeNow,
  tryWrite,
  write,
} from './arrange.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';

const SHUTDOWN = { code: 'shutdown' };

/** An owner releases sessions and says what became of them. */
export function describeRelease(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('release', () => {
    test('writes DISCONNECTED with the reason and leaves the row to nobody', async ({ store }) => {
      const owner = await join(store);
      const held = await hold(store, owner, 'a', {
        status: 'RECONNECTING',
        health: 'degraded',
        reason: { code: 'connection_lost' },
        reconnectAttempt: 4,
        phone: '5511999990000',
      });
      const reason = { code: 'shutdown', detail: 'SIGTERM' };
      expect(await store.sessions.release({ owner, unobservedIds: [], reason })).toEqual(['a']);
      expect(await readOne(store, 'a')).toEqual({
        ...held,
        status: 'DISCONNECTED',
        // Nothing runs any more: there is nothing left that could be degraded or attempted.
        health: 'healthy',
        reconnectAttempt: 0,
        reason,
        evidence: 'observed',
        owner: null,
        tenure: null,
        version: held.version + 1,
        writeId: expect.toSatisfy((writeId) => writeId === null || writeId === held.writeId),
        statusChangedAt: expect.any(Date),
        effective: { status: 'DISCONNECTED', evidence: 'observed' },
      });
    });

    // Age counts from the last proof of life: a session that was CONNECTED for months is not old on the day of its
    // release.
    test('of a CONNECTED session writes store time as lastSeenAt, of any other leaves it', async ({
      store,
      advance,
    }) => {
      const owner = await join(store);
      await hold(store, owner, 'connected');
      const pairing = await hold(store, owner, 'pairing', { status: 'QR_CODE', qr: '2@abc' });
      await hold(store, owner, 'lost', { status: 'RECONNECTING', seenAgoMs: 60_000 });
      await advance(2_000);
      const lostAt = (await readOne(store, 'lost')).lastSeenAt;
      const from = await storeNow(store);
      await store.sessions.release({ owner, unobservedIds: [], reason: SHUTDOWN });
      const until = await storeNow(store);
      const row = await readOne(store, 'connected');
      expectWithin(row.lastSeenAt, from, until);
      expectWithin(row.statusChangedAt, from, until);
      expect(await readOne(store, 'pairing')).toMatchObject({ lastSeenAt: pairing.lastSeenAt, qr: null });
      expect((await readOne(store, 'lost')).lastSeenAt).toEqual(lostAt);
    });

    test('says unobserved of the ids whose sockets may live on', async ({ store }) => {
      const owner = await join(store);
      await holdAll(store, owner, ['a', 'b', 'c']);
      const released = await store.sessions.release({ owner, unobservedIds: ['b', 'unknown'], reason: SHUTDOWN });
      expect(released.sort()).toEqual(['a', 'b', 'c']);
      const rows = await store.sessions.get({ ids: ['a', 'b', 'c'] });
      expect(Object.fromEntries(rows.map((row) => [row.id, row.evidence]))).toEqual({
        a: 'observed',
        b: 'unobserved',
        c: 'observed',
      });
    });

    test('by name releases those and no others; an empty list none', async ({ store }) => {
      const [owner, other] = [await join(store), await join(store, 'other')];
      await holdAll(store, owner, ['a', 'b', 'c']);
      await hold(store, other, 'others');
      const release = { owner, unobservedIds: ['a', 'c'], reason: SHUTDOWN };
      expect(await store.sessions.release({ ...release, sessions: [] })).toEqual([]);
      const sessions = await named(store, 'a', 'others', 'unknown', 'a');
      expect(await store.sessions.release({ ...release, sessions })).toEqual(['a']);
      expect(await readOne(store, 'a')).toMatchObject({ owner: null, evidence: 'unobserved' });
      expect(await readOne(store, 'b')).toMatchObject({ owner, status: 'CONNECTED' });
      expect(await readOne(store, 'c')).toMatchObject({ owner, status: 'CONNECTED', evidence: 'observed' });
      expect(await readOne(store, 'others')).toMatchObject({ owner: other, status: 'CONNECTED' });
    });

    test('that arrives late frees nothing that was claimed again since, by whomever', async ({ store }) => {
      const owner = await join(store);
      await holdAll(store, owner, ['again', 'still']);
      const late = {
        owner,
        sessions: await named(store, 'again', 'still'),
        unobservedIds: ['again'],
        reason: SHUTDOWN,
      };
      await store.sessions.release({ ...late, sessions: await named(store, 'again') });
      const held = await write(store, await claim(store, owner, 'again'));
      expect(await store.sessions.release(late)).toEqual(['still']);
      expect(await readOne(store, 'again')).toEqual(held);
      // Nor under the tenure of another session.
      const mixed = [{ id: 'again', tenure: late.sessions[1]?.tenure ?? '' }];
      expect(await store.sessions.release({ ...late, sessions: mixed })).toEqual([]);
      expect(await readOne(store, 'again')).toEqual(held);
    });

    test('keeps LOGGED_OUT, its reason and the time it began', async ({ store, advance }) => {
      const owner = await join(store);
      await hold(store, owner, 'a', { status: 'LOGGED_OUT', reason: { code: 'logged_out', detail: 'by the phone' } });
      await advance(1_000);
      const before = await readOne(store, 'a');
      await store.sessions.release({ owner, unobservedIds: [], reason: SHUTDOWN });
      expect(await readOne(store, 'a')).toMatchObject({
        status: 'LOGGED_OUT',
        reason: { code: 'logged_out', detail: 'by the phone' },
        owner: null,
        tenure: null,
        evidence: 'observed',
        statusChangedAt: before.statusChangedAt,
        version: before.version + 1,
      });
    });

    test('of a row that is DISCONNECTED already keeps the time it began', async ({ store, advance }) => {
      const owner = await join(store);
      await hold(store, owner, 'a', { status: 'DISCONNECTED' });
      await advance(1_000);
      const { statusChangedAt } = await readOne(store, 'a');
      await store.sessions.release({ owner, unobservedIds: [], reason: SHUTDOWN });
      expect((await readOne(store, 'a')).statusChangedAt).toEqual(statusChangedAt);
    });

    test('twice releases once', async ({ store }) => {
      const owner = await join(store);
      await hold(store, owner, 'a');
      await store.sessions.release({ owner, unobservedIds: [], reason: SHUTDOWN });
      const row = await readOne(store, 'a');
      expect(await store.sessions.release({ owner, unobservedIds: [], reason: { code: 'again' } })).toEqual([]);
      expect(await readOne(store, 'a')).toEqual(row);
    });

    test('frees a session for the next claim, and ends writes under the old tenure', async ({ store }) => {
      const [owner, next] = [await join(store), await join(store, 'next')];
      const held = await hold(store, owner, 'a');
      await store.sessions.release({ owner, unobservedIds: [], reason: SHUTDOWN });
      expect(await claimableIds(store)).toEqual(['a']);
      const claimed = await claim(store, next, 'a');
      expect(claimed).toMatchObject({ status: 'DISCONNECTED', evidence: 'observed', owner: next });
      await expect(write(store, { ...held, version: claimed.version })).rejects.toThrow('guard');
    });

    test('of 3,000 sessions in one call', async ({ store }) => {
      const owner = await join(store);
      const ids = Array.from({ length: 3000 }, (_, index) => `s${index}`);
      await holdAll(store, owner, ids);
      const released = await store.sessions.release({ owner, unobservedIds: ids.slice(0, 1500), reason: SHUTDOWN });
      expect(released).toHaveLength(3000);
      expect(new Set(released)).toEqual(new Set(ids));
      expect(await store.sessions.list({ limit: 1000, owner })).toEqual([]);
      expect(await readOne(store, 's1499')).toMatchObject({ evidence: 'unobserved', owner: null });
      expect(await readOne(store, 's1500')).toMatchObject({ evidence: 'observed', owner: null });
    });

    test(`against a guarded write, ${RACERS} times: the row ends free whichever came first`, async (harness) => {
      const { store } = harness;
      const owner = await join(store);
      const [writer = store, releaser = store] = await clientsOf(harness, 2);
      const rounds = Array.from({ length: RACERS }, (_, round) => `s${round}`);
      await race(rounds, async (id) => {
        const held = await hold(store, owner, id, { status: 'RECONNECTING' });
        const release = releaser.sessions.release({
          owner,
          sessions: [{ id, tenure: held.tenure ?? '' }],
          unobservedIds: [],
          reason: SHUTDOWN,
        });
        const [outcome, released] = await Promise.all([tryWrite(writer, held, null), release]);
        const row = await readOne(store, id);
        expect(released).toEqual([id]);
        expect(row).toMatchObject({ owner: null, tenure: null, status: 'DISCONNECTED', reason: SHUTDOWN });
        expect(row.version).toBe(held.version + (outcome.applied ? 2 : 1));
      });
    });
  });
}
