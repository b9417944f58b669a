import { create, hold, holdAll, join, named, readOne } from './arrange.js';
import { expect } from './expect.js';
import { type StoreSuite, storeTest } from './store-suite.js';
import { STRANGE_IDS } from './strange-ids.js';

const byUtf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Pages of rows in the order of the UTF-8 bytes of their ids (Postgres: `COLLATE "C"`), the same in every store. */
export function describeList(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('list', () => {
    test('of an empty store is empty', async ({ store }) => {
      expect(await store.sessions.list({ limit: 10 })).toEqual([]);
      expect(await store.sessions.list({ limit: 10, after: 'a', owner: 'nobody' })).toEqual([]);
    });

    test('pages through every row once, in the order of the bytes of the ids', async ({ store }) => {
      const ids = [...STRANGE_IDS, ...Array.from({ length: 40 }, (_, index) => `s${index}`)];
      await create(store, ...ids);
      const seen: string[] = [];
      for (let after: string | undefined; ; ) {
        const page = await store.sessions.list({ after, limit: 7 });
        seen.push(...page.map(({ id }) => id));
        if (page.length < 7) break;
        after = page[6]?.id;
      }
      expect(seen).toEqual([...ids].sort(byUtf8));
    });

    test('fills its pages where rows were removed or released', async ({ store }) => {
      const owner = await join(store);
      const ids = Array.from({ length: 12 }, (_, index) => `s${String(index).padStart(2, '0')}`);
      await holdAll(store, owner, ids);
      for (const id of ids.slice(0, 3)) await store.sessions.remove({ id });
      const reason = { code: 'shutdown' };
      await store.sessions.release({
        owner,
        sessions: await named(store, ...ids.slice(3, 6)),
        unobservedIds: [],
        reason,
      });
      const page = async (of?: string) => (await store.sessions.list({ limit: 4, owner: of })).map(({ id }) => id);
      expect(await page()).toEqual(ids.slice(3, 7));
      expect(await page(owner)).toEqual(ids.slice(6, 10));
    });

    test('starts after an id that no row has', async ({ store }) => {
      await create(store, 'a', 'c', 'e');
      const ids = async (after: string) => (await store.sessions.list({ after, limit: 10 })).map(({ id }) => id);
      expect(await ids('b')).toEqual(['c', 'e']);
      expect(await ids('c')).toEqual(['e']);
      expect(await ids('e')).toEqual([]);
      expect(await ids('')).toEqual(['a', 'c', 'e']);
    });

    test('of one owner has only its rows', async ({ store }) => {
      const [owner, other] = [await join(store), await join(store, 'other')];
      await holdAll(store, owner, ['a', 'c', 'e']);
      await holdAll(store, other, ['b', 'd']);
      await create(store, 'f');
      const ids = async (params: { after?: string; limit: number }) =>
        (await store.sessions.list({ ...params, owner })).map(({ id }) => id);
      expect(await ids({ limit: 10 })).toEqual(['a', 'c', 'e']);
      expect(await ids({ limit: 2 })).toEqual(['a', 'c']);
      expect(await ids({ limit: 2, after: 'b' })).toEqual(['c', 'e']);
    });

    test('returns rows as get does, up to 1,000', async ({ store }) => {
      const owner = await join(store);
      const held = await hold(store, owner, 'a', { status: 'ERROR', reason: { code: 'banned', detail: 'x' } });
      expect(await store.sessions.list({ limit: 1000 })).toEqual([held]);
      expect(await readOne(store, 'a')).toEqual(held);
    });
  });
}
