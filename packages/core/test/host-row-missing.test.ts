import { describe, expect, it } from 'vitest';
import type { StoredSession, WaSyncOptions, WaSyncStore } from '../src/index.js';
import { createWorld } from './world.js';

/** A replica whose store maps a table of the host, in which some rows are missing. */
async function hosting(options: { whenRowIsGone?: 'report' | 'stop'; wa?: Partial<WaSyncOptions> } = {}) {
  const world = createWorld();
  const provider = world.provider();
  const { sessions } = world.store;
  const missing = new Set<string>();
  /** What only a standby that lags behind says. */
  const hidden = new Set<string>();
  const view = (row: StoredSession, alsoHidden = true): StoredSession => ({
    ...row,
    mirror:
      missing.has(row.id) || (alsoHidden && hidden.has(row.id))
        ? { state: 'missing', word: null }
        : { state: 'in_sync', word: row.status },
  });
  const store: WaSyncStore = {
    ...world.store,
    hostSessions: {
      words: {} as never,
      leftAlone: [],
      whenRowIsGone: options.whenRowIsGone ?? 'report',
      list: async () => ({ rows: [], next: null }),
    },
    sessions: {
      ...sessions,
      get: async (params) => (await sessions.get(params)).map((row) => view(row)),
      list: async (params) => (await sessions.list(params)).map((row) => view(row)),
      write: async (params) =>
        (await sessions.write(params)).map((outcome) =>
          outcome.applied
            ? {
                ...outcome,
                session: view(outcome.session),
                mirrorBlocked: missing.has(outcome.id) ? 'missing' : undefined,
              }
            : outcome,
        ),
      sweep: async (params) => {
        const otherIds = [...params.otherIds, ...missing, ...hidden];
        const answer = await sessions.sweep({ ...params, otherIds });
        return { ...answer, exceptions: answer.exceptions.map((row) => view(row)) };
      },
      setDesired: async (params) => {
        const row = await sessions.setDesired(params);
        return row && view(row, false);
      },
      claim: (params) => sessions.claim(params),
      create: (params) => sessions.create(params),
      claimable: (params) => sessions.claimable(params),
      release: (params) => sessions.release(params),
      remove: (params) => sessions.remove(params),
    },
  };
  const { wa, events } = world.replica({
    store,
    provider,
    jobs: { sync: false, cleanup: false, inactivity: false },
    ...options.wa,
  });
  await world.during(wa.start(), 0);
  return {
    ...world,
    wa,
    events,
    provider,
    missing,
    hidden,
    async run(...ids: string[]) {
      for (const id of ids) await world.during(wa.sessions.create({ id }), 0);
      for (const id of ids) provider.latest(id)?.connection.script.open();
      await world.clock.advance(1_000);
    },
    sync: (id?: string) => world.during(wa.syncNow(id), 1_000),
    warned: (code: string) => world.logged.filter(({ level, fields }) => level === 'warn' && fields.code === code),
  };
}

const GONE = { action: 'failed', reason: 'host_row_missing' };

describe('a session without a row in the mapped table', () => {
  it('is never in sync: every report names it, and its row there is what is to be fixed', async () => {
    const world = await hosting();
    await world.run('a', 'b');
    expect((await world.sync()).totals).toMatchObject({ checked: 2, inSync: 2 });
    world.missing.add('a');
    const all = await world.sync();
    expect(all.totals).toMatchObject({ checked: 2, inSync: 1, failed: 1 });
    expect(all.sessions[0]).toMatchObject({ id: 'a', stored: 'CONNECTED', actual: 'CONNECTED', ...GONE });
    expect((await world.sync('a')).sessions).toMatchObject([GONE]);
    expect((await world.during(world.wa.forceSync('a'), 5_000)).sessions).toMatchObject([GONE]);
    expect((await world.sync('b')).totals).toMatchObject({ inSync: 1, failed: 0 });
    world.missing.clear();
    expect((await world.sync()).totals).toMatchObject({ inSync: 2, failed: 0 });
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', desired: 'running' });
  });

  it('is reported where its own row is written too', async () => {
    const world = await hosting();
    await world.run('a');
    world.missing.add('a');
    world.provider.latest('a')?.connection.script.close({ code: 'gone' });
    const { sessions } = await world.sync('a');
    expect(sessions).toMatchObject([{ id: 'a', reason: 'host_row_missing' }]);
  });

  it('is reported where nobody holds it', async () => {
    const world = await hosting();
    await world.memory.sessions.create({ sessions: [{ id: 'free', desired: 'stopped' }] });
    expect((await world.sync('free')).sessions).toMatchObject([{ action: 'unknown', reason: 'not_owned' }]);
    world.missing.add('free');
    expect((await world.sync('free')).sessions).toMatchObject([{ action: 'unknown', reason: 'host_row_missing' }]);
  });

  it('goes on by default, however long the row is missing', async () => {
    const world = await hosting();
    await world.run('a');
    world.missing.add('a');
    await world.sync();
    await world.clock.advance(600_000);
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', desired: 'running' });
  });
});

describe('whenHostRowIsGone: stop', () => {
  it('stops a session whose row is missing at two reads ten seconds apart, and says so once', async () => {
    const world = await hosting({ whenRowIsGone: 'stop' });
    await world.run('a', 'b');
    world.missing.add('a');
    await world.sync();
    // The tick that notes it comes within 5 s, and the one that reads again 10 s later.
    await world.clock.advance(8_000);
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', desired: 'running' });
    await world.clock.advance(8_000);
    expect(await world.row('a')).toMatchObject({
      status: 'DISCONNECTED',
      desired: 'stopped',
      owner: null,
      reason: { code: 'host_row_missing' },
    });
    expect(world.provider.latest('a')?.connection.snapshot()).toMatchObject({ status: 'DISCONNECTED' });
    expect(await world.row('b')).toMatchObject({ status: 'CONNECTED', desired: 'running' });
    await world.clock.advance(120_000);
    expect(world.warned('host_row_missing')).toHaveLength(1);
    expect(world.provider.opened).toHaveLength(2);
  });

  it('goes on where the row is there again at the second read, and counts anew', async () => {
    const world = await hosting({ whenRowIsGone: 'stop' });
    await world.run('a');
    for (let round = 0; round < 3; round += 1) {
      world.missing.add('a');
      await world.sync();
      await world.clock.advance(9_000);
      world.missing.clear();
      await world.clock.advance(20_000);
    }
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', desired: 'running' });
  });

  it('goes on where only reads miss the row, as on a standby that lags behind', async () => {
    const world = await hosting({ whenRowIsGone: 'stop' });
    await world.run('a');
    world.hidden.add('a');
    await world.sync();
    await world.clock.advance(60_000);
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', desired: 'running' });
    expect(world.warned('host_row_missing')).toEqual([]);
  });

  it('leaves one that is wanted stopped as it is, whatever a read misses', async () => {
    const world = await hosting({ whenRowIsGone: 'stop' });
    await world.memory.sessions.create({ sessions: [{ id: 'a', desired: 'stopped' }] });
    await world.during(world.wa.attach(world.connection('a')).ready, 1_000);
    world.hidden.add('a');
    await world.sync();
    await world.clock.advance(60_000);
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', desired: 'stopped' });
    expect(world.warned('host_row_missing')).toEqual([]);
  });

  it('stops none while more than half of the sessions have no row: the table was emptied or is being restored', async () => {
    const world = await hosting({ whenRowIsGone: 'stop' });
    await world.run('a', 'b', 'c', 'd', 'e');
    for (const id of ['a', 'b', 'c']) world.missing.add(id);
    await world.sync();
    await world.clock.advance(60_000);
    expect(world.warned('host_rows_gone')).toMatchObject([{ fields: { missing: 3, owned: 5 } }]);
    for (const id of ['a', 'b', 'c']) expect(await world.row(id)).toMatchObject({ desired: 'running' });
    world.missing.delete('a');
    await world.sync();
    await world.clock.advance(20_000);
    expect(await world.row('a')).toMatchObject({ desired: 'running', status: 'CONNECTED' });
    for (const id of ['b', 'c']) expect(await world.row(id)).toMatchObject({ desired: 'stopped' });
  });

  it('leaves a socket of the host alone, and says so', async () => {
    const world = await hosting({ whenRowIsGone: 'stop' });
    const connection = world.connection('a');
    await world.during(world.wa.attach(connection).ready, 1_000);
    world.missing.add('a');
    await world.sync();
    await world.clock.advance(60_000);
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', desired: 'stopped' });
    expect(connection.snapshot()).toMatchObject({ status: 'CONNECTED' });
    expect(world.warned('host_row_missing')).toMatchObject([
      { message: expect.stringContaining('is yours and stays') },
    ]);
    expect((await world.sync('a')).sessions).toMatchObject([GONE]);
  });

  it('stops nothing for a replica that only observes', async () => {
    const world = await hosting({ whenRowIsGone: 'stop', wa: { observeOnly: true } });
    await world.memory.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
    world.wa.attach(world.connection('a'));
    await world.clock.advance(1_000);
    world.missing.add('a');
    await world.sync();
    await world.clock.advance(60_000);
    expect(await world.row('a')).toMatchObject({ desired: 'running' });
  });
});
