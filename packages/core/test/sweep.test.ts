import { describe, expect, it } from 'vitest';
import { createMortalClock, createWorld } from './world.js';

async function holding(count: number) {
  const world = createWorld();
  const { wa, events } = world.replica({ jobs: { sync: false } });
  await world.during(wa.start(), 0);
  const connections = Array.from({ length: count }, (_, index) =>
    world.connection(`s${String(index).padStart(5, '0')}`),
  );
  await world.during(Promise.all(connections.map((connection) => wa.attach(connection).ready)), 0);
  return { ...world, wa, events, connections };
}

describe('sweep', () => {
  it('asks once and writes nothing where 10,000 rows are right; 1 % is one statement per 1,000', async () => {
    const { wa, calls, connections, during, memory, row } = await holding(10_000);
    calls.length = 0;
    const quiet = await during(wa.syncNow(), 0);
    expect(quiet.totals).toMatchObject({ checked: 10_000, inSync: 10_000 });
    expect(quiet.sessions).toHaveLength(1_000);
    expect(quiet.omitted).toBe(9_000);
    expect(calls).toEqual(['sweep']);

    // The rows are wrong without an event: somebody with another program wrote them.
    const wrong = connections.slice(0, 100);
    for (const { sessionId } of wrong) {
      const { tenure, version, owner } = await row(sessionId);
      const set = {
        status: 'DISCONNECTED',
        health: 'healthy',
        reason: null,
        reconnectAttempt: 0,
        phone: null,
        qr: null,
        seenAgoMs: null,
      } as const;
      await memory.sessions.write({
        owner: owner!,
        writes: [{ id: sessionId, tenure: tenure!, version, writeId: 'other', set }],
      });
    }
    calls.length = 0;
    const report = await during(wa.syncNow(), 0);
    expect(report.totals).toMatchObject({ checked: 10_000, inSync: 9_900, corrected: 100, unknown: 0 });
    expect(calls).toEqual(['sweep', 'write']);
    expect((await row('s00000')).status).toBe('CONNECTED');
  });

  it('reports drift with what was real and what was stored', async () => {
    const { wa, connections, during, memory, row, events } = await holding(3);
    const { tenure, version, owner } = await row('s00001');
    const set = {
      status: 'ERROR',
      health: 'healthy',
      reason: { code: 'x' },
      reconnectAttempt: 0,
      phone: null,
      qr: null,
      seenAgoMs: null,
    } as const;
    await memory.sessions.write({
      owner: owner!,
      writes: [{ id: 's00001', tenure: tenure!, version, writeId: 'other', set }],
    });
    connections[2]!.script.unknown('not_yet_seen');
    const report = await during(wa.syncNow(), 0);
    expect(report.totals).toEqual({ checked: 3, inSync: 1, corrected: 1, unknown: 1, healed: 0, failed: 0 });
    expect(report.sessions.find(({ id }) => id === 's00001')).toMatchObject({
      stored: 'ERROR',
      actual: 'CONNECTED',
      action: 'corrected',
    });
    expect(events.filter(({ name }) => name === 'drift:corrected')).toMatchObject([
      { payload: { sessionId: 's00001', stored: 'ERROR', actual: 'CONNECTED' } },
    ]);
  });

  it('finds by the sums a row that vanished and one that changed owner, and an owned row without a connection', async () => {
    const world = await holding(4);
    const { wa, during, memory, row, events } = world;
    const other = world.replica({ jobs: { sync: false }, replicaId: 'other' });
    await during(other.wa.start(), 0);
    await memory.sessions.remove({ id: 's00000' });
    await during(other.wa.attach(world.connection('s00001')).ready, 0);
    const { owner } = await row('s00002');
    await memory.sessions.create({ sessions: [{ id: 'stray', desired: 'running' }] });
    await memory.sessions.claim({ owner: owner!, claims: [{ id: 'stray', tenure: 'lost answer', mode: 'free' }] });
    await during(wa.syncNow(), 0);
    const lost = events.filter(({ name }) => name === 'ownership:lost').map(({ payload }) => payload);
    expect(lost).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ sessionId: 's00000', why: 'row_missing' }),
        expect.objectContaining({ sessionId: 's00001', why: 'taken_over' }),
      ]),
    );
    expect(lost).toHaveLength(2);
    expect(await row('stray')).toMatchObject({ owner: null, status: 'DISCONNECTED' });
    expect(await row('s00001')).toMatchObject({ status: 'CONNECTED' });
  });

  it('claims anew what is its own under a claim that it does not know, as a roll-back of the store brings back', async () => {
    const { wa, connections, during, memory, row, clock } = await holding(2);
    const id = connections[0]!.sessionId;
    const { owner, version } = await row(id);
    await memory.sessions.claim({ owner: owner!, claims: [{ id, tenure: 'older', mode: 'free' }] });
    const set = { status: 'DISCONNECTED', health: 'healthy', reason: null, reconnectAttempt: 0 } as const;
    const write = { id, tenure: 'older', version: version + 1, writeId: 'older' };
    const state = { ...set, phone: null, qr: null, seenAgoMs: null };
    await memory.sessions.write({ owner: owner!, writes: [{ ...write, set: state }] });
    await during(wa.syncNow(), 0);
    await clock.advance(6_000);
    expect(await row(id)).toMatchObject({ status: 'CONNECTED', owner });
    expect((await row(id)).tenure).not.toBe('older');
  });

  it('runs the sync job at its slots and once for all that were missed', async () => {
    const world = createWorld();
    const mortal = createMortalClock(world.clock);
    const { wa, events } = world.replica({ clock: mortal.clock });
    await world.during(wa.start(), 0);
    const jobs = () =>
      events.filter(({ name, payload }) => name === 'job:finished' && (payload as { job: string }).job === 'sync')
        .length;
    await world.clock.advance(30 * 60_000);
    expect(jobs()).toBe(6);
    mortal.pause();
    await world.clock.advance(60 * 60_000);
    mortal.resume();
    await world.clock.advance(60_000);
    expect(jobs()).toBe(7);
    // The host's clock jumps by an hour: only the store's time counts.
    world.clock.jumpWallClock(0);
    await world.clock.advance(10 * 60_000);
    expect(jobs()).toBe(9);
    await world.during(wa.stop(), 1_200);
  });

  it('shares a run that is under way', async () => {
    const { wa, calls, during } = await holding(2);
    calls.length = 0;
    await during(Promise.all([wa.syncNow(), wa.syncNow(), wa.syncNow()]), 0);
    expect(calls).toEqual(['sweep']);
  });

  it('says of a session that is not here only what it knows', async () => {
    const { wa, during, memory } = await holding(1);
    await memory.sessions.create({ sessions: [{ id: 'elsewhere', desired: 'running' }] });
    const report = await during(wa.syncNow('elsewhere'), 0);
    expect(report.sessions).toMatchObject([{ action: 'unknown', actual: null, reason: 'not_owned' }]);
    await expect(wa.syncNow('nobody')).rejects.toMatchObject({ code: 'session_not_found' });
    await expect(createWorld().replica().wa.syncNow()).rejects.toMatchObject({ code: 'not_running' });
  });

  it('opens by force what should run and stands free, and nothing that the host wants stopped', async () => {
    const world = createWorld();
    const provider = world.provider();
    const { wa } = world.replica({ jobs: { sync: false }, provider });
    await world.during(wa.start(), 0);
    await world.memory.sessions.create({ sessions: [{ id: 'rests', desired: 'stopped' }] });
    await world.during(wa.forceSync('rests'), 0);
    expect(provider.opened).toHaveLength(0);
    await world.memory.sessions.create({ sessions: [{ id: 'runs', desired: 'running' }] });
    await world.during(wa.forceSync('runs'), 0);
    expect(provider.opened.map(({ sessionId }) => sessionId)).toEqual(['runs']);
    await expect(wa.forceSync('nobody')).rejects.toMatchObject({ code: 'session_not_found' });
  });
});
