import { type AuthEntry, type AuthStore, isWaSyncError, type WaSyncErrorCode, type WaSyncStore } from '@wa-sync/core';
import { create, hold, join, RACERS, race, readOne, tryClaim } from './arrange.js';
import { expect } from './expect.js';
import { clientsOf, type StoreSuite, storeTest } from './store-suite.js';
import { STRANGE_IDS } from './strange-ids.js';

function authOf(store: WaSyncStore): AuthStore {
  if (store.auth === undefined) throw new Error('This store keeps no credentials: do not run its auth suite');
  return store.auth;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const entry = (type: string, id: string, value: Uint8Array | null): AuthEntry => ({ type, id, value });

async function codeOf(call: Promise<unknown>): Promise<WaSyncErrorCode | 'no error'> {
  try {
    await call;
    return 'no error';
  } catch (error) {
    if (isWaSyncError(error)) return error.code;
    throw error;
  }
}

async function readPlain(auth: AuthStore, sessionId: string, type: string, ids: readonly string[]) {
  const found = await auth.read({ sessionId, type, ids });
  return Object.fromEntries([...found].map(([id, value]) => [id, [...value]]));
}

/** Credentials: opaque bytes, written all or none, under the tenure that may. */
export function describeAuthRecords(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('credentials', () => {
    test('are read as they were written, by type and id; what is not there is left out', async ({ store }) => {
      const auth = authOf(store);
      await create(store, 'a');
      const entries = [
        entry('creds', '', bytes(1, 2, 3)),
        entry('pre-key', '1', bytes(4)),
        entry('session', '1', bytes(5)),
        entry('pre-key', '2', bytes()),
      ];
      await auth.write({ sessionId: 'a', tenure: null, entries });
      expect(await readPlain(auth, 'a', 'pre-key', ['1', '2', '3'])).toEqual({ 1: [4], 2: [] });
      expect(await readPlain(auth, 'a', 'session', ['1', '2'])).toEqual({ 1: [5] });
      expect(await readPlain(auth, 'a', 'creds', [''])).toEqual({ '': [1, 2, 3] });
      expect(await readPlain(auth, 'a', 'creds', [])).toEqual({});
      expect(await readPlain(auth, 'unknown', 'creds', [''])).toEqual({});
    });

    test('keep every byte, the view that was given and nothing around it, up to a megabyte', async ({ store }) => {
      const auth = authOf(store);
      await create(store, 'a');
      const all = Uint8Array.from({ length: 256 }, (_, index) => index);
      const view = Buffer.concat([Buffer.from('before'), all, Buffer.from('after')]).subarray(6, 262);
      const large = new Uint8Array(1024 * 1024).map((_, index) => index % 251);
      await auth.write({
        sessionId: 'a',
        tenure: null,
        entries: [entry('t', 'view', view), entry('t', 'large', large)],
      });
      const found = await auth.read({ sessionId: 'a', type: 't', ids: ['view', 'large'] });
      expect(found.get('view')).toBeInstanceOf(Uint8Array);
      expect([...(found.get('view') ?? [])]).toEqual([...all]);
      expect(Buffer.compare(found.get('large') ?? bytes(), large)).toBe(0);
    });

    test('are copies: bytes that a caller changes later change nothing here', async ({ store }) => {
      const auth = authOf(store);
      await create(store, 'a');
      const written = bytes(1, 2, 3);
      await auth.write({ sessionId: 'a', tenure: null, entries: [entry('t', '1', written)] });
      written.fill(9);
      const read = (await auth.read({ sessionId: 'a', type: 't', ids: ['1'] })).get('1');
      read?.fill(8);
      expect(await readPlain(auth, 'a', 't', ['1'])).toEqual({ 1: [1, 2, 3] });
    });

    test('are overwritten and deleted, one record at a time', async ({ store }) => {
      const auth = authOf(store);
      await create(store, 'a');
      const write = (...entries: AuthEntry[]) => auth.write({ sessionId: 'a', tenure: null, entries });
      await write(entry('t', '1', bytes(1)), entry('t', '2', bytes(2)), entry('t', '3', bytes(3)));
      await write(entry('t', '1', bytes(7, 7)), entry('t', '2', null), entry('t', 'never-there', null));
      expect(await readPlain(auth, 'a', 't', ['1', '2', '3', 'never-there'])).toEqual({ 1: [7, 7], 3: [3] });
      await write();
      expect(await readPlain(auth, 'a', 't', ['1'])).toEqual({ 1: [7, 7] });
    });

    test('of one session are not those of another, whatever the ids', async ({ store }) => {
      const auth = authOf(store);
      await create(store, ...STRANGE_IDS);
      for (const [index, sessionId] of STRANGE_IDS.entries()) {
        const entries = STRANGE_IDS.map((id, other) => entry('type:with"odd', id, bytes(index, other)));
        await auth.write({ sessionId, tenure: null, entries });
      }
      for (const [index, sessionId] of STRANGE_IDS.entries()) {
        const found = await auth.read({ sessionId, type: 'type:with"odd', ids: STRANGE_IDS });
        expect(found.size).toBe(STRANGE_IDS.length);
        for (const [other, id] of STRANGE_IDS.entries()) expect([...(found.get(id) ?? [])]).toEqual([index, other]);
      }
      // Two texts joined by a separator must not read as two others.
      await auth.write({
        sessionId: 'a',
        tenure: null,
        entries: [entry('x:y', 'z', bytes(1)), entry('x', 'y:z', bytes(2))],
      });
      expect(await readPlain(auth, 'a', 'x:y', ['z'])).toEqual({ z: [1] });
      expect(await readPlain(auth, 'a', 'x', ['y:z'])).toEqual({ 'y:z': [2] });
    });

    test('are written under the tenure that holds the session, and under no other: then none of them is', async ({
      store,
    }) => {
      const auth = authOf(store);
      const held = await hold(store, await join(store), 'a');
      await create(store, 'free');
      await auth.write({ sessionId: 'a', tenure: held.tenure, entries: [entry('t', '1', bytes(1))] });
      const entries = [entry('t', '1', bytes(9)), entry('t', '2', bytes(9))];
      expect(await codeOf(auth.write({ sessionId: 'a', tenure: 'tenure:other', entries }))).toBe('tenure_lost');
      expect(await codeOf(auth.write({ sessionId: 'a', tenure: '', entries }))).toBe('tenure_lost');
      expect(await codeOf(auth.write({ sessionId: 'free', tenure: 'tenure:other', entries }))).toBe('tenure_lost');
      expect(await readPlain(auth, 'a', 't', ['1', '2'])).toEqual({ 1: [1] });
      expect(await readPlain(auth, 'free', 't', ['1', '2'])).toEqual({});
      await auth.write({ sessionId: 'a', tenure: null, entries: [entry('t', 'unfenced', bytes(3))] });
      expect(await readPlain(auth, 'a', 't', ['unfenced'])).toEqual({ unfenced: [3] });
      await tryClaim(store, await join(store, 'taker'), 'a', 'takeover');
      expect(await codeOf(auth.write({ sessionId: 'a', tenure: held.tenure, entries }))).toBe('tenure_lost');
      expect(await readPlain(auth, 'a', 't', ['1', '2'])).toEqual({ 1: [1] });
    });

    test('need a session row, and do not touch it', async ({ store }) => {
      const auth = authOf(store);
      const entries = [entry('t', '1', bytes(1))];
      expect(await codeOf(auth.write({ sessionId: 'unknown', tenure: null, entries }))).toBe('session_not_found');
      expect(await codeOf(auth.write({ sessionId: 'unknown', tenure: 'tenure:x', entries }))).toBe('session_not_found');
      expect(await readPlain(auth, 'unknown', 't', ['1'])).toEqual({});
      const held = await hold(store, await join(store), 'a');
      await auth.write({ sessionId: 'a', tenure: held.tenure, entries });
      expect(await readOne(store, 'a')).toEqual(held);
    });

    test('quarantined are not found, give way to new ones, and are purged with them', async ({ store }) => {
      const auth = authOf(store);
      await create(store, 'a', 'b');
      const write = (sessionId: string, ...entries: AuthEntry[]) => auth.write({ sessionId, tenure: null, entries });
      await write('a', entry('t', '1', bytes(1)), entry('t', '2', bytes(2)));
      await write('b', entry('t', '1', bytes(5)));
      await auth.quarantine({ sessionId: 'a', reason: 'bad session' });
      expect(await readPlain(auth, 'a', 't', ['1', '2'])).toEqual({});
      expect(await readPlain(auth, 'b', 't', ['1'])).toEqual({ 1: [5] });
      await write('a', entry('t', '1', bytes(3)));
      expect(await readPlain(auth, 'a', 't', ['1', '2'])).toEqual({ 1: [3] });
      await auth.quarantine({ sessionId: 'a', reason: 'again' });
      expect(await readPlain(auth, 'a', 't', ['1', '2'])).toEqual({});
      await auth.quarantine({ sessionId: 'a', reason: 'nothing left to quarantine' });
      await write('a', entry('t', '9', bytes(4)));
      expect(await auth.purge({ sessionId: 'a' })).toBe(4);
      expect(await auth.purge({ sessionId: 'a' })).toBe(0);
      expect(await readPlain(auth, 'a', 't', ['1', '2', '9'])).toEqual({});
      expect(await readPlain(auth, 'b', 't', ['1'])).toEqual({ 1: [5] });
    });

    // A session that gets the same id later must not log in as the one before it.
    test('go with their session row, those quarantined too', async ({ store }) => {
      const auth = authOf(store);
      await create(store, 'a');
      await auth.write({ sessionId: 'a', tenure: null, entries: [entry('t', '1', bytes(1))] });
      await auth.quarantine({ sessionId: 'a', reason: 'bad session' });
      await auth.write({ sessionId: 'a', tenure: null, entries: [entry('t', '1', bytes(2))] });
      await store.sessions.remove({ id: 'a' });
      expect(await readPlain(auth, 'a', 't', ['1'])).toEqual({});
      await create(store, 'a');
      expect(await readPlain(auth, 'a', 't', ['1'])).toEqual({});
      expect(await auth.purge({ sessionId: 'a' })).toBe(0);
    });

    test(`written by ${RACERS} at once never show half of a write`, async (harness) => {
      const { store } = harness;
      await create(store, 'a');
      const ids = Array.from({ length: 20 }, (_, index) => `key-${index}`);
      const clients = await clientsOf(harness, RACERS * 2);
      const reads: Set<number>[] = [];
      await race(clients, async (client, index) => {
        const auth = authOf(client);
        for (let round = 0; round < 5; round += 1) {
          if (index % 4 < 2) {
            const entries = ids.map((id) => entry('t', id, bytes(index, round)));
            await auth.write({ sessionId: 'a', tenure: null, entries: index % 2 === 0 ? entries : entries.reverse() });
          } else {
            const found = await auth.read({ sessionId: 'a', type: 't', ids });
            reads.push(new Set([...found.values()].map(([writer = 0, at = 0]) => writer * 256 + at)));
            expect([0, ids.length]).toContain(found.size);
          }
        }
      });
      const last = await authOf(store).read({ sessionId: 'a', type: 't', ids });
      reads.push(new Set([...last.values()].map(([writer = 0, at = 0]) => writer * 256 + at)));
      for (const writers of reads) expect(writers.size).toBeLessThanOrEqual(1);
    });

    test(`against a take-over, ${RACERS} times: written before it or not at all`, async (harness) => {
      const { store } = harness;
      const [old, taker] = [await join(store), await join(store, 'taker')];
      const [writer = store, challenger = store] = await clientsOf(harness, 2);
      await race(
        Array.from({ length: RACERS }, (_, round) => `s${round}`),
        async (sessionId, round) => {
          const { tenure } = await hold(store, old, sessionId);
          const entries = [entry('t', '1', bytes(round)), entry('t', '2', bytes(round))];
          const late = codeOf(authOf(writer).write({ sessionId, tenure, entries }));
          await tryClaim(challenger, taker, sessionId, 'takeover');
          const atTakeOver = await readPlain(authOf(store), sessionId, 't', ['1', '2']);
          const outcome = await late;
          expect(['no error', 'tenure_lost']).toContain(outcome);
          expect(atTakeOver).toEqual(outcome === 'no error' ? { 1: [round], 2: [round] } : {});
          expect(await readPlain(authOf(store), sessionId, 't', ['1', '2'])).toEqual(atTakeOver);
          expect(await codeOf(authOf(writer).write({ sessionId, tenure, entries }))).toBe('tenure_lost');
        },
      );
    });

    test(`against the removal of their session, ${RACERS} times: none is left behind`, async (harness) => {
      const { store } = harness;
      const [writer = store, remover = store] = await clientsOf(harness, 2);
      await race(
        Array.from({ length: RACERS }, (_, round) => `s${round}`),
        async (sessionId, round) => {
          await create(store, sessionId);
          const write = () =>
            codeOf(authOf(writer).write({ sessionId, tenure: null, entries: [entry('t', '1', bytes(1))] }));
          const remove = () => remover.sessions.remove({ id: sessionId });
          const outcomes = await Promise.all(round % 2 === 0 ? [write(), remove()] : [remove(), write()]);
          expect(outcomes).toContain(true);
          expect(await readPlain(authOf(store), sessionId, 't', ['1'])).toEqual({});
          expect(await authOf(store).purge({ sessionId })).toBe(0);
        },
      );
    });
  });
}
