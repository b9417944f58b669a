import { describe, expect, it } from 'vitest';
import { createWorld } from './world.js';

const off = { jobs: { sync: false, cleanup: false, inactivity: false } } as const;

describe('the records of job runs', () => {
  it('is read newest first, by job, page by page', async () => {
    const world = createWorld();
    const { wa } = world.replica(off);
    await world.during(wa.start(), 0);
    for (const job of ['inactivity', 'cleanup', 'inactivity'] as const) {
      await world.clock.advance(600_000);
      await world.during(wa.runJob(job), 0);
    }
    const { runs, next } = await wa.runs.list({ limit: 2 });
    expect(runs.map(({ job, outcome }) => [job, outcome])).toEqual([
      ['inactivity', 'finished'],
      ['cleanup', 'finished'],
    ]);
    const rest = await wa.runs.list({ before: next!, limit: 2 });
    expect(rest.runs).toHaveLength(1);
    expect(rest.next).toBeNull();
    expect((await wa.runs.list({ job: 'cleanup' })).runs.map(({ id }) => id)).toEqual([runs[1]!.id]);
    expect(await wa.runs.get(runs[0]!.id)).toEqual(runs[0]);
    expect(await wa.runs.get('nobody')).toBeNull();
  });

  it('refuses a job that it does not keep, a page that is none, and a store that keeps none', async () => {
    const world = createWorld();
    const { wa } = world.replica(off);
    await expect(wa.runs.list({ job: 'nightly' as 'cleanup' })).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(wa.runs.list({ limit: 0 })).rejects.toMatchObject({ code: 'config_invalid' });
    const bare = world.replica({ ...off, store: { ...world.store, jobs: undefined } });
    await expect(bare.wa.runs.get('x')).rejects.toMatchObject({ code: 'not_supported' });
  });
});
