import { describe, expect, it } from 'vitest';
import { cleaning, DAY, off, SETTLED } from './cleaning.js';
import { heartbeats } from './heartbeats.js';
import { createWorld } from './world.js';

describe('the credentials of a host', () => {
  async function marked(purgeCredentials: (params: { sessionId: string }) => unknown, count = 10) {
    const world = await cleaning({ cleanup: { purgeCredentials } });
    const made = await world.add(count);
    await world.memory.cleanup.deactivate({ ids: made, inactiveForMs: -1, restedForMs: 0 });
    await world.startAfter(61);
    return { ...world, made };
  }

  it('are deleted by its callback before the row is, and the report says who did', async () => {
    const seen: string[] = [];
    const world = await marked(async ({ sessionId }) => {
      seen.push(sessionId);
      expect((await world.row(sessionId)).active).toBe(false);
    });
    const report = await world.clean({ force: true });
    expect(report.totals).toMatchObject({ purged: 10, failed: 0 });
    expect(report.sessions.every(({ credentials }) => credentials === 'callback')).toBe(true);
    expect(seen.sort()).toEqual(world.made);
  });

  it('keep a session for the next run where the callback throws or hangs, and never hold up the others', async () => {
    let well = false;
    const world = await marked(({ sessionId }) => {
      if (well) return;
      if (sessionId === 's0001') throw new Error('no');
      if (sessionId === 's0003') return new Promise(() => {});
      if (sessionId === 's0005') return Promise.reject(new Error('no'));
    });
    const report = await world.clean({ force: true });
    expect(report.totals).toMatchObject({ purged: 7, failed: 3 });
    expect((await world.rows()).map(({ id }) => id)).toEqual(['s0001', 's0003', 's0005']);
    // One line for each of the two causes.
    expect(world.logged.filter(({ fields }) => fields.code === 'purge_credentials_failed')).toHaveLength(2);
    expect((await world.clean()).totals).toMatchObject({ purged: 0, failed: 3 });
    well = true;
    expect((await world.clean()).totals).toMatchObject({ purged: 3, failed: 0 });
    expect(await world.rows()).toEqual([]);
  });

  it('that all hang end the run after ten minutes', async () => {
    const world = await marked(() => new Promise(() => {}), 400);
    const cleanup = world.wa.cleanupSessions({ force: true });
    const report = await world.during(cleanup, 30 * 60_000);
    expect(report.totals).toMatchObject({ purged: 0, failed: 160, left: 240 });
    expect(report.tookMs).toBeLessThanOrEqual(10 * 60_000);
  });

  it('of a session that came back while others were asked about are left alone', async () => {
    const asked: string[] = [];
    const world = await marked(async ({ sessionId }) => {
      asked.push(sessionId);
      if (sessionId === 's0000') await world.wa.sessions.start('s0009');
    });
    const report = await world.clean({ force: true });
    expect(asked).not.toContain('s0009');
    expect(report.totals).toMatchObject({ purged: 9, cameBack: 1 });
    expect((await world.row('s0009')).desired).toBe('running');
  });

  it('are the host’s to delete where neither it nor the store knows how', async () => {
    const world = await cleaning();
    const { auth: _, ...store } = world.store;
    const { wa } = world.replica({ ...off, store });
    await world.add(1);
    await world.memory.cleanup.deactivate({ ids: ['s0000'], inactiveForMs: -1, restedForMs: 0 });
    await world.clock.advance(61 * DAY);
    await world.during(wa.start(), SETTLED);
    expect((await wa.cleanupSessions()).sessions).toMatchObject([{ outcome: 'done', credentials: 'host' }]);
  });
});

describe('a run that is cut off', () => {
  it('goes on with what it marked, though it would not be taken any more', async () => {
    const { add, startAfter, clean, memory, broken, fix, rows, events } = await cleaning();
    const made = await add(10);
    await memory.cleanup.deactivate({ ids: made, inactiveForMs: -1, restedForMs: 0 });
    await startAfter(61);
    broken.calls.add('purge');
    await expect(clean({ force: true })).rejects.toThrow('purge failed');
    await fix();
    expect(await memory.cleanup.marked({ limit: 100 })).toHaveLength(10);
    expect(events.map(({ name }) => name)).toContain('job:failed');
    // The part that a run may take was used up when they were marked.
    expect((await clean()).totals).toMatchObject({ purged: 10, left: 0 });
    expect(await rows()).toEqual([]);
  });

  it.each(['deactivate', 'markForPurge', 'purge'])(
    'after %s was committed and errored is made up for',
    async (name) => {
      const { add, startAfter, clean, memory, broken, fix, rows } = await cleaning();
      const made = await add(10);
      await memory.cleanup.deactivate({ ids: made.slice(0, 5), inactiveForMs: -1, restedForMs: 0 });
      await startAfter(61);
      broken.calls.add(name);
      broken.commitFirst = true;
      await expect(clean({ force: true })).rejects.toThrow(`${name} failed`);
      await fix();
      await clean({ force: true });
      expect((await rows()).map(({ id, active }) => ({ id, active }))).toEqual(
        made.slice(5).map((id) => ({ id, active: false })),
      );
    },
  );

  it('by a lost lease changes nothing more and says so', async () => {
    const pause = later();
    const world = await cleaning({ cleanup: { purgeCredentials: () => pause.promise } });
    const made = await world.add(3);
    await world.memory.cleanup.deactivate({ ids: made, inactiveForMs: -1, restedForMs: 0 });
    await world.startAfter(61);
    const running = world.wa.cleanupSessions({ force: true });
    await world.clock.settle();
    world.broken.calls.add('beat');
    await world.clock.advance(29_000);
    pause.resolve();
    const report = await world.during(running, 0);
    expect(report).toMatchObject({ postponed: 'lease_lost', totals: { purged: 0 } });
    expect(await world.rows()).toHaveLength(3);
    await world.fix();
  });
});

describe('a time at which nobody knows who is gone', () => {
  it('waits with its slot until the logins after a start are over, and runs it then', async () => {
    const world = createWorld({ startAt: new Date('2025-01-01T01:55:00Z') });
    const { wa } = world.replica({ jobs: { sync: false, inactivity: false } });
    await world.during(wa.start(), 0);
    await world.clock.advance(9 * 60_000);
    expect(await world.memory.jobs.list({ limit: 10 })).toEqual([]);
    expect(await wa.cleanupSessions()).toMatchObject({ postponed: 'boot_settling' });
    expect(await wa.runJob('cleanup')).toEqual({ ran: false });
    await world.clock.advance(70_000);
    expect(await world.memory.jobs.list({ limit: 10 })).toMatchObject([
      { job: 'cleanup', slot: new Date('2025-01-01T02:00:00Z'), outcome: 'finished' },
    ]);
  });

  it('is a new start for a replica that was ended by another', async () => {
    const { add, startAfter, clean, memory, clock } = await cleaning();
    await add(1);
    await startAfter(31);
    await memory.leases.join({ incarnation: 'r', replicaId: 'r', ttlMs: DAY });
    const [other] = await heartbeats(memory);
    await memory.leases.fence(other!);
    await clock.advance(10_000);
    expect(await clean()).toMatchObject({ postponed: 'boot_settling' });
  });

  it('is not there for what cannot clean up at all', async () => {
    const world = await cleaning();
    const { cleanup: _, ...store } = world.store;
    const { wa } = world.replica({ store });
    await world.during(wa.start(), 0);
    await expect(wa.cleanupSessions()).rejects.toMatchObject({ code: 'not_supported' });
    expect((await wa.forceSync()).totals.checked).toBe(0);
  });
});

function later(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
