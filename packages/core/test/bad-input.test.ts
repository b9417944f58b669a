import { STRANGE_IDS } from '@wa-sync/testing/conformance';
import { describe, expect, it } from 'vitest';
import { PROBES_AT_ONCE } from '../src/engine/reconcile/liveness.js';
import type { Observation, ProbeAnswer, WaSync, WaSyncOptions, WaSyncStore } from '../src/index.js';
import { asking, off } from './asking.js';
import { createWorld } from './world.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

async function holding(ids: readonly string[], options: Partial<WaSyncOptions> = {}) {
  const world = createWorld();
  const { wa, events } = world.replica({ ...off, replicaId: 'one', ...options });
  await world.during(wa.start(), 0);
  const sockets = ids.map((id) => world.connection(id));
  await world.during(Promise.all(sockets.map((socket) => wa.attach(socket).ready)), 0);
  await world.clock.advance(100);
  const codes = () => world.logged.map(({ fields }) => fields.code).filter((code) => code !== undefined);
  return { ...world, wa, events, sockets, codes };
}

describe('a connection that lies about its status', () => {
  const garbage: [string, Record<string, unknown> | undefined][] = [
    ['nothing at all', undefined],
    ['a status that there is not', { status: 'FINE' }],
    ['a health that there is not', { health: 'fine' }],
    ['a reason that is a text', { reason: 'lost' }],
    ['a reason without a code', { reason: { detail: 'lost' } }],
    ['a reason whose detail is an object', { reason: { code: 'lost', detail: {} } }],
    ['attempts that are no number', { reconnectAttempt: Number.NaN }],
    ['less than no attempts', { reconnectAttempt: -1 }],
    ['half an attempt', { reconnectAttempt: 0.5 }],
    ['more attempts than a row can hold', { reconnectAttempt: 2 ** 40 }],
    ['a phone that is a number', { phone: 5511999990000 }],
    ['a code to scan that is an object', { status: 'QR_CODE', qr: {} }],
    ['a silence that is no number', { silentForMs: Number.NaN }],
    ['a silence before it began', { silentForMs: -1 }],
    ['an endless silence', { silentForMs: Number.POSITIVE_INFINITY }],
    ['a restart without a reason', { restartRequested: true }],
  ];
  for (const [what, fields] of garbage) {
    it(`with ${what} is unknown, logged once, and keeps nobody from being corrected`, async () => {
      const { wa, sockets, row, during, codes, clock } = await holding(['bad', 'good']);
      const [bad, good] = sockets as [(typeof sockets)[0], (typeof sockets)[0]];
      const before = await row('bad');
      const { snapshot } = bad;
      bad.snapshot = () => (fields && { ...snapshot(), ...fields }) as unknown as Observation;
      bad.script.receiveFrame();
      good.script.close('lost');
      await clock.advance(30_000);
      expect((await row('good')).status).toBe('RECONNECTING');
      const { sessions } = await during(wa.syncNow(), 10_000);
      expect(sessions.find(({ id }) => id === 'bad')).toMatchObject({ action: 'unknown', reason: 'snapshot_invalid' });
      await expect(during(wa.status('bad'), 10_000)).rejects.toMatchObject({ code: 'status_unknown' });
      expect(await row('bad')).toEqual(before);
      expect(bad.script.heals).toEqual([]);
      expect(codes()).toEqual(['snapshot_invalid']);
      bad.snapshot = snapshot;
      bad.script.close('lost');
      await clock.advance(1_000);
      expect((await row('bad')).status).toBe('RECONNECTING');
    });
  }

  it('by CONNECTED where nothing answers is found out, and healed; a heal that fails is logged', async () => {
    const { sockets, row, clock, codes } = await holding(['s', 'other']);
    const [socket] = sockets;
    socket?.script.onHeal('throws');
    socket?.script.goSilent();
    await clock.advance(35_000);
    expect(socket?.snapshot()).toMatchObject({ status: 'CONNECTED' });
    expect(await row('s')).toMatchObject({ status: 'RECONNECTING', reason: { code: 'silent' } });
    expect(codes()).toEqual(['probe_timeout', 'probe_timeout', 'heal_failed']);
    expect((await row('other')).status).toBe('CONNECTED');
  });
});

describe('a connection whose probe', () => {
  const broken: [string, () => Promise<ProbeAnswer>, string | undefined][] = [
    ['never settles', () => new Promise(() => {}), 'probe_failed'],
    ['rejects', () => Promise.reject(new Error('no')), 'probe_failed'],
    [
      'throws',
      () => {
        throw new Error('no');
      },
      'probe_failed',
    ],
    ['returns nothing', async () => undefined as unknown as ProbeAnswer, 'probe_failed'],
    ['returns what there is not', async () => 'dead' as ProbeAnswer, 'probe_failed'],
    ['returns no promise', () => 'timeout-ish' as unknown as Promise<ProbeAnswer>, 'probe_failed'],
    ['cannot be sent', async () => 'unavailable', undefined],
  ];
  for (const [what, probe, code] of broken) {
    it(`${what} is not taken for dead${code ? ', is logged,' : ''} and keeps no other from being asked`, async () => {
      // As many bad ones as there are places, and then one that is dead.
      const ids = ['bad', ...Array.from({ length: PROBES_AT_ONCE - 1 }, (_, n) => `bad${n}`), 'dead'];
      const { wa, sockets, row, during, codes, clock } = await holding(ids);
      const [bad, dead] = [sockets[0]!, sockets.at(-1)!];
      const before = await row('bad');
      for (const socket of sockets) if (socket !== dead) socket.probe = probe;
      for (const socket of sockets) socket.script.goSilent();
      await clock.advance(50_000);
      expect(await row('bad')).toEqual(before);
      expect(bad.script.heals).toEqual([]);
      expect(dead.script.heals).toEqual(['silent']);
      expect((await row('dead')).status).toBe('RECONNECTING');
      const { sessions } = await during(wa.forceSync('bad'), 20_000);
      expect(sessions).toMatchObject([{ id: 'bad', actual: 'CONNECTED', action: 'none' }]);
      if (code) expect(codes()).toContain(code);
    });
  }
});

describe('a connection whose close', () => {
  const broken: [string, () => Promise<void>][] = [
    ['never settles', () => new Promise(() => {})],
    ['rejects', () => Promise.reject(new Error('no'))],
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
  ];
  for (const [what, close] of broken) {
    it(`${what} is logged, and the session is released as one that nobody sees`, async () => {
      for (const mode of ['provided', 'attached'] as const) {
        const world = createWorld();
        const provider = world.provider();
        const jobs = { sync: false, cleanup: false, inactivity: false } as const;
        const { wa } = world.replica({ jobs, ...(mode === 'provided' && { provider }) });
        await world.during(wa.start(), 5_000);
        const socket = world.connection('s');
        const handle = mode === 'attached' ? wa.attach(socket) : null;
        if (handle) await world.during(handle.ready, 0);
        if (mode === 'provided') await world.during(wa.sessions.create({ id: 's' }), 5_000);
        const connection = handle ? socket : provider.latest('s')!.connection;
        connection.script.open();
        await world.clock.settle();
        expect(await world.row('s')).toMatchObject({ status: 'CONNECTED', evidence: 'observed' });
        connection.close = close;
        await world.during<unknown>(handle?.detach() ?? wa.sessions.stop('s'), 20_000);
        expect(await world.row('s')).toMatchObject({ status: 'DISCONNECTED', owner: null, evidence: 'unobserved' });
        const errors = world.logged.filter(({ level }) => level === 'error');
        expect(errors.map(({ fields }) => fields.code)).toEqual(['close_failed']);
        await world.during(wa.stop(), 5_000);
      }
    });
  }
});

describe('a store that returns everything twice', () => {
  /** Every list that it returns names everything twice, as a driver that read a response again would. */
  const twice = (answer: unknown): unknown => {
    if (Array.isArray(answer)) return [...answer, ...answer];
    if (typeof answer !== 'object' || answer === null || answer instanceof Date) return answer;
    return Object.fromEntries(
      Object.entries(answer).map(([key, value]) => [key, Array.isArray(value) ? [...value, ...value] : value]),
    );
  };
  const through = (store: WaSyncStore, change: (call: () => Promise<unknown>) => Promise<unknown>): WaSyncStore => {
    const part = <Port extends object>(port: Port): Port =>
      new Proxy(port, {
        get(target, name) {
          const method: unknown = Reflect.get(target, name);
          if (typeof method !== 'function' || name === 'listen') return method;
          return (...args: unknown[]) => change(async () => method.apply(target, args) as unknown);
        },
      });
    return {
      ...store,
      sessions: part(store.sessions),
      leases: part(store.leases),
      jobs: store.jobs && part(store.jobs),
      cleanup: store.cleanup && part(store.cleanup),
      inbox: store.inbox && part(store.inbox),
    };
  };
  const kinds: [string, (call: () => Promise<unknown>) => Promise<unknown>][] = [
    ['in one list', async (call) => twice(await call())],
    [
      'because each call reached it twice',
      async (call) => {
        const first = await call();
        await call();
        return first;
      },
    ],
  ];
  for (const [how, change] of kinds) {
    it(`${how} changes nothing: each change once, each event once, each session counted once`, async () => {
      const world = createWorld();
      const store = through(world.memory, change);
      const jobs = { sync: '*/5 * * * *', cleanup: false, inactivity: '0 * * * *' } as const;
      const provider = world.provider();
      const one = world.replica({ store, jobs, replicaId: 'one' });
      const two = world.replica({ store, jobs, replicaId: 'two', provider });
      await world.during(Promise.all([one.wa.start(), two.wa.start()]), 11_000);
      const ids = ['a', 'b', 'c'];
      const sockets = ids.map((id) => world.connection(id));
      await world.during(Promise.all(sockets.map((socket) => one.wa.attach(socket).ready)), 0);
      await world.during(two.wa.sessions.create({ id: 'p' }), 0);
      provider.latest('p')?.connection.script.open();
      await world.clock.advance(1_000);
      sockets[0]?.script.close('lost');
      await world.clock.advance(1_000);
      const told = (name: string, id: string) =>
        [...one.events, ...two.events].filter(
          (event) => event.name === name && (event.payload as { sessionId?: string }).sessionId === id,
        );
      for (const id of [...ids, 'p']) expect(told('ownership:gained', id), id).toHaveLength(1);
      expect(told('session:changed', 'a')).toHaveLength(2);
      expect(provider.opened.map(({ sessionId }) => sessionId)).toEqual(['p']);
      const report = await world.during(one.wa.syncNow(), 1_000);
      expect(report.totals).toMatchObject({ checked: 3, failed: 0, unknown: 0 });
      expect(report.sessions.map(({ id }) => id).sort()).toEqual(ids);
      const asked = await world.during(two.wa.syncNow('a'), 6_000);
      expect(asked.totals).toMatchObject({ checked: 1, unknown: 0 });
      expect(await world.during(two.wa.status('a'), 6_000)).toMatchObject({ status: 'RECONNECTING', askedOf: 'owner' });
      await world.clock.advance(HOUR);
      const runs = await world.memory.jobs.list({ limit: 9 });
      expect(runs.map(({ outcome }) => outcome)).toEqual(['finished']);
      await world.during(Promise.all([one.wa.stop(), two.wa.stop()]), 1_200);
      for (const id of [...ids, 'p']) {
        const { transitions } = { transitions: await world.memory.history.ofSession({ sessionId: id, limit: 99 }) };
        expect(transitions[0]).toMatchObject({ to: 'DISCONNECTED', reason: { code: 'shutdown' } });
        for (const [index, { from }] of transitions.entries()) {
          expect(from).toBe(transitions[index + 1]?.to ?? 'DISCONNECTED');
        }
        expect(told('ownership:lost', id)).toEqual([]);
      }
      expect(world.logged.filter(({ level }) => level === 'error')).toEqual([]);
    });
  }
});

describe('a clock of a host that jumps', () => {
  it('by hours and by years, forth and back, changes nothing', async () => {
    const world = createWorld();
    const offset = { ms: 0 };
    const clock = { ...world.clock, now: () => new Date(world.clock.now().getTime() + offset.ms) };
    const jobs = { sync: '*/5 * * * *', cleanup: '*/10 * * * *', inactivity: '0 * * * *' };
    const one = world.replica({ clock, jobs, replicaId: 'one' });
    const two = world.replica({ jobs, replicaId: 'two' });
    await world.during(Promise.all([one.wa.start(), two.wa.start()]), 11_000);
    for (const id of ['a', 'b']) await world.during(one.wa.attach(world.connection(id)).ready, 0);
    await world.memory.sessions.create({ sessions: [{ id: 'idle', desired: 'stopped' }] });
    const rows = async () => Promise.all(['a', 'b', 'idle'].map(world.row));
    const before = await rows();
    for (const ms of [HOUR, -HOUR, 400 * DAY, -400 * DAY, 50 * 365 * DAY, 0]) {
      offset.ms = ms;
      await world.clock.advance(12 * 60_000);
    }
    expect(await rows()).toEqual(before);
    const runs = await world.memory.jobs.list({ limit: 99 });
    const slots = runs.map(({ job, slot }) => `${job} ${slot?.toISOString()}`);
    expect(new Set(slots).size).toBe(slots.length);
    expect(slots.filter((slot) => slot.startsWith('inactivity'))).toHaveLength(1);
    expect(slots.filter((slot) => slot.startsWith('cleanup')).length).toBeGreaterThan(4);
    const lost = [...one.events, ...two.events].filter(({ name }) => /lost|failed|loop|outage/.test(name));
    expect(lost).toEqual([]);
    expect(world.logged.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('also where it is the store’s: no lease ends, no slot runs twice, and all that waits comes in the end', async () => {
    const world = createWorld();
    const jobs = { sync: '*/5 * * * *', cleanup: false, inactivity: '0 * * * *' } as const;
    const one = world.replica({ jobs, replicaId: 'one' });
    const two = world.replica({ jobs, replicaId: 'two' });
    await world.during(Promise.all([one.wa.start(), two.wa.start()]), 11_000);
    await world.during(one.wa.attach(world.connection('a')).ready, 0);
    const before = await world.row('a');
    await world.clock.advance(70 * 60_000);
    for (const ms of [-30 * 60_000, 3 * HOUR, -2 * HOUR]) {
      world.clock.jumpWallClock(ms);
      await world.clock.advance(70 * 60_000);
    }
    expect(await world.row('a')).toMatchObject({ ...before, effective: before.effective });
    await world.clock.advance(4 * HOUR);
    const slots = (await world.memory.jobs.list({ limit: 99 })).map(({ slot }) => slot?.getTime() ?? 0);
    expect(new Set(slots).size).toBe(slots.length);
    expect(Math.max(...slots)).toBeGreaterThan(world.clock.now().getTime() - HOUR);
    expect([...one.events, ...two.events].filter(({ name }) => /lost/.test(name))).toEqual([]);
  });
});

describe('session ids of any script', () => {
  it('go through every call, on the replica that has them and on another', async () => {
    const { owner, asker, attach, during, row, clock } = await asking();
    for (const id of STRANGE_IDS) await attach(id);
    await clock.advance(100);
    for (const id of STRANGE_IDS) {
      for (const { wa } of [owner, asker]) {
        expect(await during(wa.status(id), 0), id).toMatchObject({ sessionId: id, connected: true });
        const { sessions } = await during(wa.syncNow(id), 0);
        expect(sessions, id).toMatchObject([{ id, action: 'none', reason: 'in_sync' }]);
        expect((await wa.sessions.history(id)).transitions).toMatchObject([{ sessionId: id, to: 'CONNECTED' }]);
      }
      expect((await row(id)).status).toBe('CONNECTED');
    }
    const report = await during(owner.wa.syncNow(), 0);
    expect(report.totals).toMatchObject({ checked: STRANGE_IDS.length, inSync: STRANGE_IDS.length });
  });

  const calls: [string, (wa: WaSync, id: string) => Promise<unknown>][] = [
    ['status', (wa, id) => wa.status(id)],
    ['syncNow', (wa, id) => wa.syncNow(id)],
    ['forceSync', (wa, id) => wa.forceSync(id)],
    ['sessions.create', (wa, id) => wa.sessions.create({ id })],
    ['sessions.import', (wa, id) => wa.sessions.import({ sessions: [{ id: 'fine' }, { id }] })],
    ['sessions.get', (wa, id) => wa.sessions.get(id)],
    ['sessions.start', (wa, id) => wa.sessions.start(id)],
    ['sessions.stop', (wa, id) => wa.sessions.stop(id)],
    ['sessions.logout', (wa, id) => wa.sessions.logout(id)],
    ['sessions.history', (wa, id) => wa.sessions.history(id)],
  ];
  const wrong = ['', 'a\0b', 'a\nb', '\u0085', '\ud800', 'a\udfff', 'x'.repeat(256), 7, {}, [], true];
  it('that are none are refused by every call, with one code, and nothing is written', async () => {
    const { wa, connection, memory, events } = await holding(['s']);
    const before = events.length;
    for (const id of wrong as string[]) {
      for (const [name, call] of calls) {
        const named = `${name} ${JSON.stringify(id)}`;
        await expect(call(wa, id), named).rejects.toMatchObject({ code: expect.stringMatching(/_invalid$/) });
      }
      expect(() => wa.attach(connection(id))).toThrow(expect.objectContaining({ code: 'session_id_invalid' }));
    }
    expect((await memory.sessions.list({ limit: 9 })).map(({ id }) => id)).toEqual(['s']);
    expect(events).toHaveLength(before);
  });
});
