import {
  change,
  claim,
  create,
  expectWithin,
  hold,
  join,
  RACERS,
  race,
  readOne,
  storeNow,
  token,
  tryClaim,
  tryWrite,
  write,
} from './arrange.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';

/** A write holds while the row is the one that was read; a missed guard changes nothing. */
export function describeGuardedWrite(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('guarded write', () => {
    test('sets the state, the evidence, the write id, and raises the version by one', async ({ store }) => {
      const owner = await join(store);
      await create(store, 'a');
      const claimed = await claim(store, owner, 'a');
      const set = change({
        status: 'RECONNECTING',
        health: 'degraded',
        reason: { code: 'connection_lost', detail: 'said "bye"' },
        reconnectAttempt: 3,
        phone: '5511999990000',
      });
      const outcome = await tryWrite(store, claimed, set, 'write-1');
      expect(outcome).toMatchObject({ id: 'a', applied: true });
      const { seenAgoMs: _, ...state } = set;
      const expected = {
        ...claimed,
        ...state,
        evidence: 'observed',
        version: claimed.version + 1,
        writeId: 'write-1',
        effective: { status: 'RECONNECTING', evidence: 'observed' },
        statusChangedAt: expect.any(Date),
      };
      const row = await readOne(store, 'a');
      expect(row).toEqual(expected);
      expect(outcome.applied && outcome.session).toEqual(row);
    });

    test('keeps a reason without a detail as it is, and takes null for none', async ({ store }) => {
      const owner = await join(store);
      const first = await hold(store, owner, 'a', { status: 'ERROR', reason: { code: 'bad_session' } });
      expect(first.reason).toEqual({ code: 'bad_session' });
      const second = await write(store, first, { reason: null });
      expect(second.reason).toBeNull();
      expect((await readOne(store, 'a')).reason).toBeNull();
    });

    test('changes statusChangedAt only with the status, to store time', async ({ store, advance }) => {
      const owner = await join(store);
      const first = await hold(store, owner, 'a');
      await advance(2_000);
      const before = (await readOne(store, 'a')).statusChangedAt;
      const second = await write(store, await readOne(store, 'a'), { health: 'degraded' });
      expect(second.statusChangedAt).toEqual(before);
      const from = await storeNow(store);
      const third = await write(store, second, { status: 'RECONNECTING' });
      expectWithin(third.statusChangedAt, from, await storeNow(store));
      expect(third.createdAt.getTime()).toBeLessThanOrEqual(first.createdAt.getTime());
    });

    test('writes lastSeenAt as store time less seenAgoMs, and leaves it where seenAgoMs is null', async ({ store }) => {
      const owner = await join(store);
      const held = await hold(store, owner, 'a');
      expect(held.lastSeenAt).toBeNull();
      const from = await storeNow(store);
      const lost = await write(store, held, { status: 'RECONNECTING', seenAgoMs: 12_345 });
      const until = await storeNow(store);
      expectWithin(lost.lastSeenAt, from - 12_345, until - 12_345);
      const again = await write(store, lost, { status: 'CONNECTED' });
      expect(again.lastSeenAt).toEqual(lost.lastSeenAt);
    });

    test('keeps a pairing code only while the status is QR_CODE', async ({ store }) => {
      const owner = await join(store);
      const pairing = await hold(store, owner, 'a', { status: 'QR_CODE', qr: '2@abc,def==' });
      expect(pairing.qr).toBe('2@abc,def==');
      const open = await write(store, pairing, { status: 'CONNECTED', qr: '2@abc,def==' });
      expect(open.qr).toBeNull();
      expect((await readOne(store, 'a')).qr).toBeNull();
    });

    test('without a change of state raises only the version and the write id', async ({ store }) => {
      const owner = await join(store);
      await create(store, 'claimed');
      const rows = [
        await hold(store, owner, 'a', {
          status: 'QR_CODE',
          qr: '2@abc',
          reason: { code: 'pairing' },
          seenAgoMs: 9_000,
        }),
        await claim(store, owner, 'claimed'),
      ];
      for (const before of rows) {
        const outcome = await tryWrite(store, before, null, 'repair-1');
        const row = await readOne(store, before.id);
        expect(row).toEqual({ ...before, version: before.version + 1, writeId: 'repair-1' });
        expect(outcome).toMatchObject({ applied: true, session: { version: row.version } });
      }
    });

    test('leaves what the host wants, the row’s activity and its birth alone', async ({ store }) => {
      const owner = await join(store);
      const held = await hold(store, owner, 'a');
      const stopped = await store.sessions.setDesired({ id: 'a', desired: 'stopped' });
      expect(stopped).toMatchObject({ desired: 'stopped', version: held.version + 1, owner, tenure: held.tenure });
      const { desired, active, createdAt } = await write(store, await readOne(store, 'a'), { status: 'RECONNECTING' });
      expect({ desired, active, createdAt }).toEqual({ desired: 'stopped', active: true, createdAt: held.createdAt });
    });

    const misses = [
      { what: 'an older version', spoil: { version: -1 } },
      { what: 'a newer version', spoil: { version: 1 } },
      { what: 'another tenure', spoil: { tenure: 'tenure:of-somebody-else' } },
      { what: 'an empty tenure', spoil: { tenure: '' } },
      { what: 'another owner', spoil: { owner: 'incarnation:of-somebody-else' } },
    ];
    for (const { what, spoil } of misses) {
      test(`is refused under ${what}, and changes nothing`, async ({ store }) => {
        const held = await hold(store, await join(store), 'a');
        const { version = 0, ...rest } = spoil as { version?: number; tenure?: string; owner?: string };
        const read = { ...held, ...rest, version: held.version + version };
        const outcome = await tryWrite(store, read, change({ status: 'DISCONNECTED', seenAgoMs: 1 }));
        expect(outcome).toEqual({ id: 'a', applied: false });
        expect(await readOne(store, 'a')).toEqual(held);
      });
    }

    test('is refused on a row that nobody holds', async ({ store }) => {
      const owner = await join(store);
      const held = await hold(store, owner, 'a');
      await store.sessions.release({ owner, unobservedIds: [], reason: { code: 'shutdown' } });
      const free = await readOne(store, 'a');
      const outcome = await tryWrite(store, { ...held, version: free.version }, change({ status: 'CONNECTED' }));
      expect(outcome).toEqual({ id: 'a', applied: false });
      expect(await readOne(store, 'a')).toEqual(free);
    });

    test('never creates a row', async ({ store }) => {
      const owner = await join(store);
      const held = await hold(store, owner, 'a');
      expect(await tryWrite(store, { ...held, id: 'unknown' }, change())).toEqual({ id: 'unknown', applied: false });
      expect(await store.sessions.remove({ id: 'a' })).toBe(true);
      expect(await tryWrite(store, held, change())).toEqual({ id: 'a', applied: false });
      expect(await store.sessions.get({ ids: ['a', 'unknown'] })).toEqual([]);
    });

    test('known again by its write id is applied once and answered as applied', async ({ store }) => {
      const owner = await join(store);
      await create(store, 'a');
      const claimed = await claim(store, owner, 'a');
      const set = change({ status: 'CONNECTED', seenAgoMs: 5_000 });
      const first = await tryWrite(store, claimed, set, 'write-1');
      expect(first).toMatchObject({ applied: true });
      const row = await readOne(store, 'a');
      const repeated = await tryWrite(store, claimed, set, 'write-1');
      expect(repeated).toMatchObject({ id: 'a', applied: true, session: { version: row.version, writeId: 'write-1' } });
      expect(await readOne(store, 'a')).toEqual(row);
      const repair = await tryWrite(store, row, null, 'repair-1');
      const repairAgain = await tryWrite(store, row, null, 'repair-1');
      expect(repair).toMatchObject({ applied: true, session: { version: row.version + 1 } });
      expect(repairAgain).toMatchObject({ applied: true, session: { version: row.version + 1 } });
    });

    test('repeated after somebody else wrote or took the row is refused', async ({ store }) => {
      const owner = await join(store);
      await create(store, 'a', 'b');
      const first = await claim(store, owner, 'a');
      await tryWrite(store, first, change(), 'write-1');
      await write(store, await readOne(store, 'a'), { status: 'RECONNECTING' });
      expect(await tryWrite(store, first, change(), 'write-1')).toEqual({ id: 'a', applied: false });

      const second = await claim(store, owner, 'b');
      await tryWrite(store, second, change(), 'write-2');
      await tryClaim(store, await join(store, 'other'), 'b', 'takeover');
      expect(await tryWrite(store, second, change(), 'write-2')).toEqual({ id: 'b', applied: false });
    });

    test(`has one winner among ${RACERS} that read the same row`, async (harness) => {
      const { store } = harness;
      const held = await hold(store, await join(store), 'a');
      const clients = await clientsOf(harness, RACERS);
      const outcomes = await race(clients, (client, index) =>
        tryWrite(
          client,
          held,
          change({ status: 'RECONNECTING', reconnectAttempt: index + 1 }),
          token(`write-${index}`),
        ),
      );
      const winners = outcomes.flatMap((outcome, index) => (outcome.applied ? [index + 1] : []));
      expect(winners).toHaveLength(1);
      expect(await readOne(store, 'a')).toMatchObject({ version: held.version + 1, reconnectAttempt: winners[0] });
    });

    // A loser may return applied: false here: it reads the row again and finds its own write id.
    test(`sent ${RACERS} times at once under one write id is applied once`, async (harness) => {
      const { store } = harness;
      const held = await hold(store, await join(store), 'a');
      const clients = await clientsOf(harness, RACERS);
      const set = change({ status: 'RECONNECTING' });
      const outcomes = await race(clients, (client) => tryWrite(client, held, set, 'write-once'));
      expect(outcomes.some((outcome) => outcome.applied)).toBe(true);
      expect(await readOne(store, 'a')).toMatchObject({ version: held.version + 1, writeId: 'write-once' });
    });
  });
}
