import { expectWithin, join, storeNow } from './arrange.js';
import { expect } from './expect.js';
import { begin, finish, jobsOf } from './slots.js';
import { type StoreSuite, storeTest } from './store-suite.js';

/** What is kept of each run. */
export function describeRuns(suite: StoreSuite): void {
  const { describe } = suite.runner;
  const test = storeTest(suite);
  describe('end', () => {
    test('records outcome, counts and error at the store’s time', async ({ store, advance }) => {
      const [jobs, owner] = [jobsOf(store), await join(store)];
      const from = await storeNow(store);
      const { run } = await begin(store, owner, null);
      const runId = run?.id ?? '';
      expectWithin(run?.startedAt ?? null, from, await storeNow(store));
      expect(run).toMatchObject({ endedAt: null, counts: {}, error: null });
      await advance(1_000);
      // A real store may have moved its instants back instead of its time.
      const advanced = await storeNow(store);
      const error = 'Ünexpected: "quoted"\n%s $1';
      const counts = { deactivated: 3, left: 0, 'any key': 12_345_678 };
      expect(await jobs.end({ runId, owner, outcome: 'failed', counts, error })).toBe(true);
      const ended = await jobs.get({ runId });
      expect(ended).toMatchObject({ id: runId, job: 'cleanup', owner, outcome: 'failed', counts, error });
      expectWithin(ended?.endedAt ?? null, advanced, await storeNow(store));
    });

    test('repeated is one end; another end, another owner or an unknown run is refused', async ({ store }) => {
      const [jobs, owner] = [jobsOf(store), await join(store)];
      const { run } = await begin(store, owner, null);
      const runId = run?.id ?? '';
      expect(await finish(store, 'somebody', runId)).toBe(false);
      expect(await finish(store, owner, 'unknown')).toBe(false);
      expect(await finish(store, owner, runId)).toBe(true);
      const ended = await jobs.get({ runId });
      expect(await finish(store, owner, runId)).toBe(true);
      expect(await jobs.end({ runId, owner, outcome: 'failed', counts: {}, error: 'x' })).toBe(false);
      expect(await jobs.get({ runId })).toEqual(ended);
    });
  });

  describe('list and get', () => {
    test('answer runs newest first, by job, page by page', async ({ store }) => {
      const [jobs, owner] = [jobsOf(store), await join(store)];
      const ids: string[] = [];
      for (let index = 0; index < 7; index += 1) {
        const { run } = await begin(store, owner, null, index % 2 === 0 ? 'cleanup' : 'inactivity');
        await finish(store, owner, run?.id ?? '');
        ids.unshift(run?.id ?? '');
      }
      const seen: string[] = [];
      for (let before: string | undefined; ; before = seen.at(-1)) {
        const page = await jobs.list({ before, limit: 3 });
        seen.push(...page.map(({ id }) => id));
        if (page.length < 3) break;
      }
      expect(seen).toEqual(ids);
      expect((await jobs.list({ job: 'cleanup', limit: 10 })).map(({ id }) => id)).toEqual(
        ids.filter((_, index) => index % 2 === 0),
      );
      expect(await jobs.list({ job: 'cleanup', limit: 1, before: ids[0] })).toMatchObject([{ id: ids[2] }]);
    });

    test('answer nothing for what is not there', async ({ store }) => {
      expect(await jobsOf(store).get({ runId: 'unknown' })).toBeNull();
      expect(await jobsOf(store).list({ limit: 10 })).toEqual([]);
      await begin(store, await join(store), null);
      expect(await jobsOf(store).list({ before: 'unknown', limit: 10 })).toEqual([]);
    });
  });
}
