import { describe, expect, it } from 'vitest';
import { at, HOUR, inactiveConversation, MINUTE, running } from './running.js';

describe('a store that fails under a job', () => {
  it.each([
    ['before', false],
    ['after', true],
  ])('runs the slot once where the begin failed %s it was committed', async (_, commitFirst) => {
    const world = await running();
    world.broken.calls.add('begin');
    world.broken.commitFirst = commitFirst;
    await world.clock.advance(MINUTE + 1_000);
    await world.fix();
    await world.clock.advance(10_000);
    expect((await world.runs()).map(({ outcome }) => outcome)).toEqual(['finished']);
    expect(world.slots('job:started')).toEqual(['01:00:00']);
  });

  it('records the end later where it could not be recorded, so that the next slot finds its way', async () => {
    const world = await running();
    world.broken.calls.add('end');
    await world.clock.advance(2 * MINUTE);
    expect((await world.runs()).map(({ outcome }) => outcome)).toEqual(['running']);
    expect(world.slots('job:finished')).toEqual(['01:00:00']);
    await world.fix();
    await world.clock.advance(10_000);
    expect((await world.runs()).map(({ outcome }) => outcome)).toEqual(['finished']);
    await world.clock.advance(HOUR);
    expect(world.slots('job:finished')).toEqual(['01:00:00', '02:00:00']);
    world.broken.calls.add('end');
    await world.wa.checkInactiveConversations();
    await world.fix();
    // Asked again before the next tick could record the end.
    expect(await world.wa.checkInactiveConversations()).toMatchObject({ postponed: null });
    expect((await world.runs()).filter(({ outcome }) => outcome !== 'finished')).toEqual([]);
  });

  it('returns an error to a caller whose begin was lost, and leaves no run behind that blocks the next', async () => {
    const world = await running({}, '00:01:00');
    world.broken.calls.add('begin');
    world.broken.commitFirst = true;
    await expect(world.wa.checkInactiveConversations()).rejects.toThrow('begin failed');
    await world.fix();
    await world.clock.advance(6_000);
    expect(await world.runs()).toMatchObject([{ outcome: 'failed', error: 'begin_not_answered' }]);
    expect((await world.wa.checkInactiveConversations()).postponed).toBeNull();
  });

  it('gives a slot of the host’s scheduler up whose begin was lost, after a few ticks', async () => {
    const world = await running({ jobs: { sync: false, cleanup: false, inactivity: false } });
    world.broken.calls.add('begin');
    world.broken.commitFirst = true;
    await expect(world.wa.runJob('inactivity', { slot: at('00:58:00') })).rejects.toThrow('begin failed');
    await world.fix();
    await world.clock.advance(30_000);
    expect(await world.runs()).toMatchObject([{ outcome: 'failed', error: 'begin_not_answered' }]);
  });

  it('keeps the lease and the other jobs where the table of jobs does not answer', async () => {
    const world = await running({ jobs: { cleanup: '0 * * * *', inactivity: '0 * * * *' } });
    await world.during(world.wa.attach(world.connection('a')).ready, 0);
    for (const name of ['lastSlot', 'begin', 'end']) world.broken.calls.add(name);
    world.broken.hang = true;
    await world.clock.advance(10 * MINUTE);
    expect((await world.row('a')).effective.status).toBe('CONNECTED');
    expect(world.events.filter(({ name }) => name === 'lease:lost')).toEqual([]);
    expect(world.slots('job:finished')).toEqual(['01:00:00', '01:05:00']);
    await world.fix();
    await world.clock.advance(MINUTE);
    expect((await world.runs()).map(({ job, outcome }) => [job, outcome])).toContainEqual(['inactivity', 'finished']);
  });

  it('records the failure of a run in its own words, and runs the next slot', async () => {
    const world = await running();
    world.broken.calls.add('adopt');
    await world.clock.advance(MINUTE + 6_000);
    expect(await world.runs()).toMatchObject([{ outcome: 'failed', error: 'adopt failed before commit' }]);
    expect(world.slots('job:failed')).toEqual(['01:00:00']);
    await world.fix();
    await world.clock.advance(HOUR);
    expect((await world.runs())[0]).toMatchObject({ outcome: 'finished' });
  });
});

describe('a forced sync', () => {
  it('says which of its jobs failed, and puts the rows right all the same', async () => {
    const world = await running({ inactivity: { inactiveAfterMs: MINUTE } }, '00:55:00');
    expect(await world.wa.forceSync()).not.toHaveProperty('failedJobs');
    world.broken.calls.add('inactive');
    const report = await world.wa.forceSync();
    expect(report.failedJobs).toEqual([{ job: 'inactivity', code: 'job_failed' }]);
    expect(report.totals.failed).toBe(0);
  });
});

describe('stop and observers', () => {
  it('stops within its time while a run is under way, and the run changes nothing afterwards', async () => {
    const world = await running({ inactivity: { inactiveAfterMs: MINUTE } }, '00:55:00');
    await inactiveConversation(world);
    world.broken.calls.add('inactive');
    world.broken.hang = true;
    await world.clock.advance(5 * MINUTE + 1_000);
    await world.during(world.wa.stop(), 1_200);
    await world.fix();
    world.calls.length = 0;
    await world.clock.advance(MINUTE);
    expect(world.calls.filter((name) => ['move', 'adopt', 'beginSend'].includes(name))).toEqual([]);
    expect(world.clock.pendingTimers).toBe(0);
  });

  it('lets an observer take no slot from those who do the work, and write nothing', async () => {
    const world = await running({ observeOnly: true });
    world.calls.length = 0;
    await world.clock.advance(2 * MINUTE);
    expect(await world.wa.cleanupSessions({ force: true })).toMatchObject({ dryRun: true });
    expect(await world.wa.checkInactiveConversations()).toMatchObject({ dryRun: true });
    expect(await world.wa.runJob('inactivity')).toEqual({ ran: false });
    await expect(world.wa.runJob('nonsense' as never)).rejects.toMatchObject({ code: 'config_invalid' });
    expect(await world.runs()).toEqual([]);
    const reads = new Set(['beat', 'census', 'candidates', 'marked', 'countOpen', 'inactive']);
    expect(world.calls.filter((name) => !reads.has(name))).toEqual([]);
  });
});
