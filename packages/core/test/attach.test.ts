import { describe, expect, it } from 'vitest';
import { createWaSync, silentLogger, type WaSyncOptions, type WhatsAppConnection } from '../src/index.js';
import { createWorld } from './world.js';

const off = { jobs: { sync: false as const } };

async function started(options: Partial<WaSyncOptions> = {}) {
  const world = createWorld();
  const { wa, events } = world.replica({ ...off, ...options });
  await world.during(wa.start(), 0);
  return { ...world, wa, events };
}

describe('attach', () => {
  it('listens before it returns, so that nothing said in the same turn is lost', async () => {
    const { clock, wa, connection, row } = await started();
    const socket = connection('a', { status: 'CONNECTING' });
    const before = socket.script.listeners;
    const handle = wa.attach(socket);
    expect(socket.script.listeners).toBe(before + 1);
    expect(handle).toMatchObject({ sessionId: 'a', lost: { aborted: false } });
    socket.script.set({ status: 'QR_CODE', qr: 'first-code' });
    await handle.ready;
    expect(await row('a')).toMatchObject({ status: 'QR_CODE', qr: 'first-code' });
    await clock.settle();
  });

  for (const observeOnly of [false, true]) {
    it(`before the start is held, and judged by it${observeOnly ? ', also by an observer' : ''}`, async () => {
      const world = createWorld();
      const { wa } = world.replica({ ...off, observeOnly });
      world.calls.length = 0;
      const handle = wa.attach(world.connection('a'));
      await handle.ready;
      await world.clock.advance(60_000);
      expect(world.calls).toEqual([]);
      await world.during(wa.start(), 0);
      expect(world.logged.filter(({ level }) => level === 'error')).toEqual([]);
      const report = await world.during(wa.syncNow(), 0);
      expect(report.totals.checked).toBe(1);
      if (observeOnly) expect(await world.memory.sessions.get({ ids: ['a'] })).toEqual([]);
      else expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', evidence: 'observed' });
    });
  }

  it('never rejects: what the store did not take is tried again', async () => {
    const world = await started();
    world.broken.calls.add('*');
    const { ready } = world.wa.attach(world.connection('a'));
    await world.during(ready, 20_000);
    expect(await world.memory.sessions.get({ ids: ['a'] })).toEqual([]);
    await world.fix();
    await world.clock.advance(10_000);
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', evidence: 'observed' });
  });

  it('notifies the handle that a newer attach of this process replaced, and the row goes on', async () => {
    const { wa, connection, row, clock } = await started();
    const [first, second] = [connection('a'), connection('a')];
    const old = wa.attach(first);
    await old.ready;
    const { tenure } = await row('a');
    const handle = wa.attach(second);
    expect(old.lost.aborted).toBe(true);
    expect(handle.lost.aborted).toBe(false);
    await handle.ready;
    first.script.close('conflict', 'REPLACED');
    await clock.settle();
    // Of no effect: another connection stands for the session.
    await old.detach();
    expect(await row('a')).toMatchObject({ status: 'CONNECTED', tenure });
  });

  it('of the same connection twice is one attach, whose handles are notified and detached together', async () => {
    const { wa, connection, row } = await started();
    const socket = connection('a');
    const handles = [wa.attach(socket), wa.attach(socket)];
    expect(socket.script.listeners).toBe(1);
    await Promise.all(handles.map(({ ready }) => ready));
    expect(handles.map(({ lost }) => lost.aborted)).toEqual([false, false]);
    await handles[0]!.detach();
    expect(await row('a')).toMatchObject({ status: 'DISCONNECTED', evidence: 'unobserved', owner: null });
    const again = wa.attach(socket);
    await again.ready;
    expect(await row('a')).toMatchObject({ status: 'CONNECTED', evidence: 'observed' });
    wa.attach(connection('a'));
    expect(again.lost.aborted).toBe(true);
  });

  it('says at once what was given in place of a connection', async () => {
    const { wa, connection, memory } = await started();
    const fine = connection('a');
    const { probe, ...mute } = fine;
    const wrong: [unknown, RegExp][] = [
      [undefined, /: this is undefined$/],
      [null, /: this is null$/],
      ['shop', /: this is string$/],
      [() => fine, /: this is function$/],
      [Promise.resolve(fine), /: this is a promise, await it first$/],
      [{ ev: {}, ws: {} }, /: this is the socket itself$/],
      [{ sessionId: 'a', socket: {}, onDead: 'end' }, /: these are only its options$/],
      [{}, /: this one lacks snapshot, probe, onChange, heal, close$/],
      [mute, /: this one lacks probe$/],
    ];
    for (const [given, text] of wrong) {
      const message = expect.stringMatching(text);
      const refused = expect.objectContaining({ name: 'WaSyncError', code: 'config_invalid', message });
      expect(() => wa.attach(given as WhatsAppConnection)).toThrow(refused);
    }
    expect(await memory.sessions.list({ limit: 9 })).toEqual([]);
    expect(probe).toBeTypeOf('function');
  });

  it('leaves nothing behind where it is refused', async () => {
    const world = createWorld();
    const provider = world.provider();
    const { wa } = world.replica({ ...off, provider });
    await world.during(wa.start(), 0);
    await world.during(wa.sessions.create({ id: 'p' }), 0);
    const socket = world.connection('p');
    expect(() => wa.attach(socket)).toThrow(expect.objectContaining({ code: 'session_provided' }));
    expect(socket.script.listeners).toBe(0);
    await world.during(wa.stop(), 1_200);
    expect(() => wa.attach(world.connection('a'))).toThrow(expect.objectContaining({ code: 'not_running' }));
  });
});

describe('sessions.ensure', () => {
  it('adds a session where there is none, and a provider opens it', async () => {
    const world = createWorld();
    const provider = world.provider();
    const { wa } = world.replica({ ...off, provider });
    await world.during(wa.start(), 0);
    expect(await world.during(wa.sessions.ensure({ id: 'a', phone: '5511911110001' }), 0)).toMatchObject({
      id: 'a',
      phone: '5511911110001',
      desired: 'running',
      owner: expect.any(String),
    });
    await world.during(wa.sessions.ensure({ id: 'b', desired: 'stopped' }), 0);
    expect(provider.opened.map(({ sessionId }) => sessionId)).toEqual(['a']);
  });

  it('leaves a row as it is: one that a person stopped stays stopped, one that was logged out is not opened', async () => {
    const world = createWorld();
    const provider = world.provider();
    const { wa } = world.replica({ ...off, provider });
    await world.during(wa.start(), 0);
    const { sessions } = world.memory;
    await sessions.create({ sessions: [{ id: 'out', desired: 'running', status: 'LOGGED_OUT' }] });
    await world.during(wa.sessions.create({ id: 'stopped', phone: '5511911110001' }), 0);
    await world.during(wa.sessions.stop('stopped'), 0);
    const opened = provider.opened.length;
    const before = await world.row('stopped');
    const row = await world.during(
      wa.sessions.ensure({ id: 'stopped', phone: '5511911110009', desired: 'running' }),
      0,
    );
    expect(row).toMatchObject({ desired: 'stopped', phone: '5511911110001', version: before.version });
    expect(await world.during(wa.sessions.ensure({ id: 'out' }), 0)).toMatchObject({ status: 'LOGGED_OUT' });
    await world.clock.advance(20_000);
    expect(provider.opened).toHaveLength(opened);
  });

  it('of two processes at once ends in one row and one socket', async () => {
    const world = createWorld();
    const replicas = ['one', 'two'].map((replicaId) => {
      const provider = world.provider();
      return { provider, wa: world.replica({ ...off, replicaId, provider }).wa };
    });
    for (const { wa } of replicas) await world.during(wa.start(), 0);
    const asked = replicas.flatMap(({ wa }) => [wa.sessions.ensure({ id: 'a' }), wa.sessions.ensure({ id: 'a' })]);
    const rows = await world.during(Promise.all(asked), 0);
    expect(rows.map(({ id }) => id)).toEqual(['a', 'a', 'a', 'a']);
    expect(replicas.flatMap(({ provider }) => provider.opened)).toHaveLength(1);
  });

  it('takes the row of a session that another replica runs, and leaves it there', async () => {
    const world = createWorld();
    const [one, two] = ['one', 'two'].map(
      (replicaId) => world.replica({ ...off, replicaId, provider: world.provider() }).wa,
    );
    await world.during(one!.start(), 0);
    await world.during(two!.start(), 0);
    const { owner } = await world.during(one!.sessions.ensure({ id: 'a' }), 0);
    expect(await world.during(two!.sessions.ensure({ id: 'a' }), 0)).toMatchObject({ owner });
  });

  it('and create name a wrong value and what it takes, before anything is written', async () => {
    const { wa, memory } = await started();
    const wrong: [unknown, string, RegExp][] = [
      [undefined, 'config_invalid', /takes an object with at least an id.*: this is missing$/],
      ['shop', 'config_invalid', /this is the text 'shop'$/],
      [{ id: 7 }, 'session_id_invalid', /./],
      [{ id: 'a', phone: 5511911110001 }, 'config_invalid', /phone is the number …0001: it takes a text/],
      [
        { id: 'a', desired: 'on', phone: {} },
        'config_invalid',
        /phone is an object.*; desired is the text 'on': it takes/,
      ],
    ];
    for (const [given, code, text] of wrong) {
      for (const name of ['create', 'ensure'] as const) {
        const message = expect.stringMatching(text);
        await expect(wa.sessions[name](given as { id: string })).rejects.toMatchObject({ code, message });
      }
    }
    expect(await memory.sessions.list({ limit: 9 })).toEqual([]);
  });
});

it('an attach whose ready nobody awaits ends in no unhandled rejection', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  process.on('unhandledRejection', note);
  try {
    const world = createWorld();
    world.broken.calls.add('*');
    const wa = createWaSync({ store: world.store, clock: world.clock, random: world.random, logger: silentLogger });
    wa.attach(world.connection('a'));
    await expect(world.during(wa.start(), 30_000)).rejects.toThrow();
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
  }
});
