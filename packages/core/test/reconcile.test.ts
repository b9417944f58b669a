import { describe, expect, it } from 'vitest';
import { createWorld } from './world.js';

async function started() {
  const world = createWorld();
  const { wa, events } = world.replica({ jobs: { sync: false } });
  await world.during(wa.start(), 0);
  const connection = world.connection('a');
  await world.during(wa.attach(connection).ready, 0);
  return {
    ...world,
    wa,
    events,
    connection,
    another: world.connection,
    named: (name: string) => events.filter((event) => event.name === name),
  };
}

describe('reconcile', () => {
  it('writes a close at once, without waiting for any timer', async () => {
    const { clock, connection, row, named } = await started();
    connection.script.close('connection_closed');
    await clock.settle();
    expect(await row('a')).toMatchObject({ status: 'RECONNECTING', reason: { code: 'connection_closed' } });
    expect(named('session:changed').at(-1)?.payload).toMatchObject({ from: 'CONNECTED', to: 'RECONNECTING' });
    expect(named('drift:corrected')).toHaveLength(0);
  });

  it('makes one write of a thousand events', async () => {
    const { clock, connection, row, calls } = await started();
    calls.length = 0;
    for (let i = 0; i < 500; i++) {
      connection.script.close('connection_closed');
      connection.script.open();
    }
    connection.script.close('the_last_word');
    await clock.settle();
    expect(await row('a')).toMatchObject({ status: 'RECONNECTING', reason: { code: 'the_last_word' } });
    expect(calls.filter((name) => name === 'write')).toHaveLength(1);
    expect(calls).not.toContain('get');
  });

  it('knows its own write again after it was committed but errored, and publishes it once', async () => {
    const { clock, connection, row, named, broken, fix } = await started();
    broken.calls.add('write');
    broken.commitFirst = true;
    connection.script.close('connection_closed');
    await clock.settle();
    const committed = await row('a');
    expect(committed.status).toBe('RECONNECTING');
    await fix();
    const told = named('session:changed').length;
    await clock.advance(5_000);
    expect(named('session:changed')).toHaveLength(told + 1);
    await clock.advance(60_000);
    expect(named('session:changed')).toHaveLength(told + 1);
    expect((await row('a')).version).toBe(committed.version);
  });

  it('converges after an outage of the store, with the current truth only and without touching the socket', async () => {
    const { clock, connection, row, named, broken, fix, logged } = await started();
    broken.calls.add('*');
    connection.script.close('first');
    await clock.advance(60_000);
    connection.script.open();
    await clock.advance(60_000);
    connection.script.close('second');
    await clock.advance(180_000);
    expect((await row('a')).status).toBe('CONNECTED');
    expect(connection.script.closes).toEqual([]);
    expect(named('lease:lost')).toHaveLength(1);
    expect(logged.filter((line) => line.fields.code === 'store_unreachable')).toHaveLength(1);
    await fix();
    await clock.advance(5_000);
    expect(await row('a')).toMatchObject({ status: 'RECONNECTING', reason: { code: 'second' } });
    expect(named('lease:back')).toHaveLength(1);
    expect(named('session:changed').filter((event) => JSON.stringify(event.payload).includes('first'))).toHaveLength(0);
  });

  it('goes on after a store call that never returns', async () => {
    const { clock, connection, row, broken, fix } = await started();
    broken.calls.add('write');
    broken.hang = true;
    connection.script.close('connection_closed');
    await clock.advance(9_000);
    await fix();
    expect((await row('a')).status).toBe('CONNECTED');
    await clock.advance(10_000);
    expect((await row('a')).status).toBe('RECONNECTING');
  });

  it('reads the row again where another writer came first, and overwrites nothing', async () => {
    const { clock, connection, row, memory } = await started();
    const before = await row('a');
    // The desired state is recorded between our read and our write.
    await memory.sessions.setDesired({ id: 'a', desired: 'stopped' });
    connection.script.close('connection_closed');
    await clock.settle();
    const after = await row('a');
    expect(after).toMatchObject({ status: 'RECONNECTING', desired: 'stopped' });
    expect(after.version).toBeGreaterThan(before.version + 1);
  });

  it('makes no row out of a status: a deleted one stays deleted', async () => {
    const { clock, connection, memory, named } = await started();
    await memory.sessions.remove({ id: 'a' });
    connection.script.close('connection_closed');
    await clock.advance(60_000);
    connection.script.open();
    await clock.advance(60_000);
    expect(await memory.sessions.get({ ids: ['a'] })).toEqual([]);
    expect(named('ownership:lost').at(-1)?.payload).toMatchObject({ why: 'row_missing' });
  });

  it('goes on under the same tenure when the host attaches a new socket', async () => {
    const { clock, connection, row, wa, during, another } = await started();
    const { tenure } = await row('a');
    connection.script.close('connection_closed');
    const next = another('a', { status: 'CONNECTING' });
    const handle = wa.attach(next);
    await during(handle.ready, 0);
    expect(await row('a')).toMatchObject({ status: 'RECONNECTING', tenure });
    next.script.open();
    connection.script.close('a late word of the old socket');
    await clock.settle();
    expect(await row('a')).toMatchObject({ status: 'CONNECTED', tenure });
    expect(connection.script.listeners).toBe(0);
    await during(handle.detach(), 0);
    expect(await row('a')).toMatchObject({ status: 'DISCONNECTED', evidence: 'unobserved', owner: null });
    expect(next.script.listeners).toBe(0);
  });

  it('is not harmed by listeners that throw or reject', async () => {
    const { clock, connection, row, wa, logged } = await started();
    wa.on('session:changed', () => {
      throw new Error('thrown');
    });
    wa.on('session:changed', async () => {
      throw new Error('rejected');
    });
    connection.script.close('connection_closed');
    await clock.settle();
    expect((await row('a')).status).toBe('RECONNECTING');
    expect(logged.filter((line) => line.fields.code === 'listener_failed')).toHaveLength(2);
  });

  it('reads the connection that is there by now, though somebody still asks for the one before it', async () => {
    const { clock, connection, during, replica, row, memory } = createWorld();
    const { wa } = replica({ jobs: { sync: false } });
    await during(wa.start(), 0);
    const first = connection('a');
    await during(wa.attach(first).ready, 0);
    // A forced sync has the first connection in hand for as long as its probe takes.
    first.script.onProbe('timeout', { afterMs: 1_500 });
    const asked = wa.forceSync('a');
    const { write } = memory.sessions;
    let goOn = () => {};
    memory.sessions.write = (params) =>
      new Promise((resolve) => {
        goOn = () => resolve(write(params));
        memory.sessions.write = write;
      });
    first.script.close('connection_closed', 'RECONNECTING');
    await clock.advance(500);
    const second = connection('a');
    const attached = wa.attach(second).ready;
    await clock.advance(3_000);
    goOn();
    await clock.advance(100);
    expect(await row('a')).toMatchObject({ status: 'CONNECTED', evidence: 'observed' });
    await Promise.all([asked, attached]);
    await during(wa.stop(), 5_000);
  });

  it('reads a connection that did not know again, though it reports nothing once it knows', async () => {
    const { clock, connection, during, replica, row, calls } = createWorld();
    const { wa } = replica({ jobs: { sync: false } });
    await during(wa.start(), 0);
    const socket = connection('a');
    socket.script.open();
    const { snapshot } = socket;
    socket.snapshot = () => ({ kind: 'unknown', why: 'busy' });
    await during(wa.attach(socket).ready, 0);
    await clock.advance(60_000);
    const before = await row('a');
    expect(before).toMatchObject({ status: 'DISCONNECTED', owner: expect.any(String) });
    calls.length = 0;
    await clock.advance(60_000);
    expect(await row('a')).toMatchObject({ version: before.version });
    expect(calls.filter((name) => name !== 'beat' && name !== 'addUnknown')).toEqual([]);
    socket.snapshot = snapshot;
    await clock.advance(6_000);
    expect(await row('a')).toMatchObject({ status: 'CONNECTED' });
    await during(wa.stop(), 5_000);
  });

  it('writes nothing when it only observes, and reports what it would do', async () => {
    const { clock, store, memory, connection, during, replica } = createWorld();
    await memory.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
    const [before] = await memory.sessions.get({ ids: ['a'] });
    const { wa } = replica({ observeOnly: true, store });
    await during(wa.start(), 0);
    await during(wa.attach(connection('a')).ready, 0);
    const report = await during(wa.syncNow(), 0);
    expect(report.sessions).toMatchObject([
      { id: 'a', stored: 'DISCONNECTED', actual: 'CONNECTED', action: 'would_correct' },
    ]);
    await clock.advance(60_000);
    expect(await memory.sessions.get({ ids: ['a'] })).toEqual([before]);
  });

  it('ends neither a dead link nor the lease of a dead replica when it only observes, and does not wait for its own dead', async () => {
    const { clock, memory, connection, during, replica } = createWorld();
    await memory.leases.join({ incarnation: 'dead', replicaId: 'observer', ttlMs: 30_000 });
    await memory.sessions.create({ sessions: [{ id: 'of-the-dead', desired: 'running' }] });
    await memory.sessions.claim({ owner: 'dead', claims: [{ id: 'of-the-dead', tenure: 't', mode: 'free' }] });
    const [before] = await memory.sessions.get({ ids: ['of-the-dead'] });
    const { wa } = replica({ observeOnly: true, replicaId: 'observer' });
    await during(wa.start(), 40_000);
    const socket = connection('mine');
    socket.script.open();
    await during(wa.attach(socket).ready, 0);
    socket.script.goSilent();
    await clock.advance(120_000);
    expect(socket.script.heals).toEqual([]);
    const [after] = await memory.sessions.get({ ids: ['of-the-dead'] });
    expect({ ...after, effective: null }).toEqual({ ...before, effective: null });
    await during(wa.stop(), 5_000);
  });
});
