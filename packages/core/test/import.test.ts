import { describe, expect, it } from 'vitest';
import type { ImportedSession, WaSyncOptions } from '../src/index.js';
import { createWorld } from './world.js';

const MINUTE = 60_000;
const everyFive = { jobs: { cleanup: false, inactivity: false } } as const;

async function started(options: Partial<WaSyncOptions> = {}) {
  const world = createWorld();
  const { wa, events } = world.replica({ ...everyFive, ...options });
  await world.during(wa.start(), 0);
  return { ...world, wa, events };
}

describe('sessions of an earlier system', () => {
  it('F38: say what it said for ten minutes, then DISCONNECTED, unobserved, published once', async () => {
    const world = await started();
    const second = world.replica({ ...everyFive, replicaId: 'two' });
    await world.during(second.wa.start(), 0);
    const lastSeenAt = new Date('2024-12-30T00:00:00Z');
    const sessions: ImportedSession[] = [
      { id: 'up', status: 'CONNECTED', lastSeenAt, desired: 'stopped' },
      { id: 'out', status: 'LOGGED_OUT' },
      { id: 'plain' },
    ];
    expect(await world.wa.sessions.import({ sessions })).toEqual({ created: 3 });
    expect(await world.wa.sessions.import({ sessions })).toEqual({ created: 0 });
    await world.clock.advance(9 * MINUTE);
    await world.wa.syncNow();
    expect(await world.row('up')).toMatchObject({ status: 'CONNECTED', evidence: 'unobserved', lastSeenAt });
    await world.clock.advance(6 * MINUTE + 5_000);
    expect(await world.row('up')).toMatchObject({
      status: 'DISCONNECTED',
      evidence: 'unobserved',
      reason: { code: 'not_held' },
      lastSeenAt,
      desired: 'stopped',
    });
    expect((await world.row('out')).status).toBe('LOGGED_OUT');
    const told = [...world.events, ...second.events].filter(({ name }) => name === 'session:changed');
    expect(told).toMatchObject([{ payload: { sessionId: 'up', from: 'CONNECTED', to: 'DISCONNECTED' } }]);
  });

  it('are taken up as they are where the host attaches them in time', async () => {
    const world = await started();
    await world.wa.sessions.import({ sessions: [{ id: 's', status: 'CONNECTED' }] });
    await world.during(world.wa.attach(world.connection('s')).ready, 0);
    await world.clock.advance(20 * MINUTE);
    expect(await world.row('s')).toMatchObject({ status: 'CONNECTED', evidence: 'observed' });
  });

  it('are opened by a provider where they should run', async () => {
    const world = createWorld();
    const provider = world.provider();
    const { wa } = world.replica({ ...everyFive, provider });
    await world.during(wa.start(), 0);
    const sessions: ImportedSession[] = [
      { id: 'run', status: 'CONNECTED' },
      { id: 'rest', desired: 'stopped' },
      { id: 'out', status: 'LOGGED_OUT' },
    ];
    await wa.sessions.import({ sessions });
    await world.clock.advance(6_000);
    expect(provider.opened.map(({ sessionId }) => sessionId)).toEqual(['run']);
    expect(await world.row('run')).toMatchObject({ evidence: 'observed', lastSeenAt: null, owner: expect.any(String) });
  });

  it('F38: are as old to the cleanup as their last sign of life, and nothing is deleted at once', async () => {
    const world = await started();
    const sessions: ImportedSession[] = [
      { id: 'old', status: 'CONNECTED', lastSeenAt: new Date('2024-06-01T00:00:00Z') },
      { id: 'unknown', status: 'CONNECTED' },
    ];
    await world.wa.sessions.import({ sessions });
    await world.clock.advance(9 * MINUTE);
    expect(await world.wa.cleanupSessions()).toMatchObject({ postponed: 'boot_settling' });
    await world.clock.advance(7 * MINUTE);
    expect(await world.wa.cleanupSessions({ force: true })).toMatchObject({
      totals: { deactivated: 1, purged: 0 },
      sessions: [{ id: 'old' }],
    });
  });

  const wrong: [unknown, string][] = [
    [{ id: 'b', status: 'OPENING' }, "status is the text 'OPENING': it takes one of CONNECTING, "],
    [{ id: 'b', status: 'connected' }, "write 'CONNECTED'"],
    [{ id: 'b', status: 3 }, 'status is the number 3: it takes one of'],
    [{ id: 'b', desired: 'yes' }, "desired is the text 'yes': it takes 'running' or 'stopped'"],
    [{ id: 'b', desired: true }, 'desired is true: it takes'],
    [{ id: 'b', lastSeenAt: '2024-01-01' }, "lastSeenAt is the text '2024-01-01': it takes a Date, write new Date("],
    [{ id: 'b', lastSeenAt: 1_704_067_200_000 }, 'lastSeenAt is the number …0000: it takes a Date, write new Date('],
    [{ id: 'b', lastSeenAt: new Date(Number.NaN) }, 'lastSeenAt is an invalid Date: it takes a Date'],
    [
      { id: 'b', phone: 5_511_911_110_001 },
      'phone is the number …0001: it takes a text, write phone: String(row.phone)',
    ],
    [{ id: 'b', phone: {} }, 'phone is an object: it takes a text'],
    [{ id: 7 }, 'entry 1 (id 7): id is the number 7: it takes a text, write id: String(row.id)'],
    [{ id: 7n }, 'id is the number 7: it takes a text, write id: String(row.id)'],
    [{ id: '' }, 'id is an empty text: it takes a text of 1 to 255'],
    [{ id: 'a\u001b[31m\u0085' }, "id is the text 'a\ufffd[31m\ufffd': it takes a text of 1 to 255"],
    [{ id: 'x'.repeat(256) }, `id is the text '${'x'.repeat(40)}…': it takes`],
    [{ id: null }, 'id is null: it takes a text'],
    [{ id: { toString: () => 'b' } }, 'id is an object: it takes a text'],
    [{ whatsappId: 7, name: 'shop' }, 'id is missing: the entry has whatsappId, name; write id: String(row.…)'],
    [{}, 'id is missing: the entry has no fields of its own'],
    [null, 'entry 1: is null: it takes an object with at least an id'],
    [undefined, 'entry 1: is missing: it takes an object'],
    ['b', "entry 1: is the text 'b': it takes an object"],
    [['b'], 'id is missing'],
  ];
  for (const [entry, text] of wrong) {
    it(`are all checked before the first is written: ${text}`, async () => {
      const world = await started();
      const sessions = [{ id: 'a' }, entry as ImportedSession, { id: 'c' }];
      const message = expect.stringMatching(/^1 of 3 entries is wrong, nothing was imported: entry 1/);
      const refused = await world.wa.sessions.import({ sessions }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ name: 'WaSyncError', code: 'import_invalid', message });
      expect((refused as Error).message).toContain(text);
      expect(await world.memory.sessions.list({ limit: 9 })).toEqual([]);
    });
  }

  it('that are wrong are counted, and the first of them named, with all that is wrong in each', async () => {
    const world = await started();
    const sessions = Array.from({ length: 1_200 }, (_, id) => ({ id, status: 'ON' }) as unknown as ImportedSession);
    const refused = await world.wa.sessions.import({ sessions }).catch((error: unknown) => error as Error);
    expect((refused as Error).message).toMatch(
      /^1200 of 1200 entries are wrong.*entry 0 \(id 0\): id is .*; status is .*entry 4 \(id 4\).*; and 1195 more$/,
    );
    expect((refused as Error).message).not.toContain('entry 5 ');
  });

  const noLists: [unknown, string][] = [
    [undefined, 'import was given missing'],
    [[{ id: 'a' }], 'import was given the list itself'],
    [{}, 'sessions is missing'],
    [{ sessions: null }, 'sessions is null'],
    [{ sessions: { rows: [], rowCount: 0 } }, 'sessions is the result of a query: write sessions: result.rows'],
    [{ sessions: Promise.resolve([]) }, 'sessions is a promise, await it first'],
    [{ sessions: 'a' }, "sessions is the text 'a'"],
  ];
  for (const [given, text] of noLists) {
    it(`come as a list: ${text}`, async () => {
      const world = await started();
      const message = expect.stringContaining(text);
      const refused = { code: 'import_invalid', message };
      await expect(world.wa.sessions.import(given as { sessions: [] })).rejects.toMatchObject(refused);
    });
  }

  it('may be model instances with getters, rows with more columns, with nulls, and ids in any script', async () => {
    const world = await started();
    /** As an ORM makes them: the fields are getters of the prototype. */
    class Row {
      private readonly dataValues = { id: 'model', status: 'CONNECTED' as const };
      get id() {
        return this.dataValues.id;
      }
      get status() {
        return this.dataValues.status;
      }
    }
    const nulls = { phone: null, desired: null, status: null, lastSeenAt: null };
    const sessions = [new Row(), { id: 'Loja nº 1 – São Paulo', name: 'x', ...nulls }, { id: '売店' }, { id: '売店' }];
    expect(await world.wa.sessions.import({ sessions })).toEqual({ created: 3 });
    expect(await world.row('model')).toMatchObject({ status: 'CONNECTED' });
    expect(await world.row('Loja nº 1 – São Paulo')).toMatchObject({ status: 'DISCONNECTED', desired: 'running' });
  });

  it('are many, a thousand in a statement, and closed though one call fails', async () => {
    const world = await started();
    const sessions = Array.from({ length: 2_500 }, (_, index) => ({ id: `s${index}`, status: 'CONNECTED' as const }));
    world.calls.length = 0;
    expect(await world.wa.sessions.import({ sessions })).toEqual({ created: 2_500 });
    expect(world.calls.filter((name) => name === 'create')).toHaveLength(3);
    await world.clock.advance(9 * MINUTE);
    world.broken.calls.add('closeUnheld');
    await world.clock.advance(7 * MINUTE);
    expect((await world.row('s0')).status).toBe('CONNECTED');
    expect((await world.wa.syncNow()).totals.checked).toBe(0);
    await world.fix();
    await world.clock.advance(5 * MINUTE);
    const rows = await world.memory.sessions.list({ limit: 1_000 });
    expect(rows.every(({ status }) => status === 'DISCONNECTED')).toBe(true);
    expect((await world.row('s999')).status).toBe('DISCONNECTED');
  });

  it('are left alone by an observer', async () => {
    const world = await started({ observeOnly: true });
    await world.memory.sessions.create({ sessions: [{ id: 's', desired: 'running', status: 'CONNECTED' }] });
    await world.clock.advance(30 * MINUTE);
    expect((await world.row('s')).status).toBe('CONNECTED');
  });
});
