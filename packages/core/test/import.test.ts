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
  it('F38: say what it said for ten minutes, then DISCONNECTED, unobserved, told once', async () => {
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
    await world.during(world.wa.attach(world.connection('s')), 0);
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

  it('are checked before the first is written, and the wrong one is named', async () => {
    const world = await started();
    const wrong: [unknown, string][] = [
      [{ id: 'b', status: 'ONLINE' }, 'import_invalid'],
      [{ id: 'b', desired: 'yes' }, 'import_invalid'],
      [{ id: 'b', lastSeenAt: '2024-01-01' }, 'import_invalid'],
      [{ id: 'b', lastSeenAt: new Date(Number.NaN) }, 'import_invalid'],
      [{ id: 'b', phone: 55 }, 'import_invalid'],
      [{ id: '' }, 'session_id_invalid'],
      [null, 'session_id_invalid'],
    ];
    for (const [entry, code] of wrong) {
      const sessions = [{ id: 'a' }, entry as ImportedSession];
      await expect(world.wa.sessions.import({ sessions })).rejects.toMatchObject({ code });
    }
    expect(await world.wa.sessions.get('a')).toBeNull();
  });

  it('are many, a thousand in a statement, and settled though one call fails', async () => {
    const world = await started();
    const sessions = Array.from({ length: 2_500 }, (_, index) => ({ id: `s${index}`, status: 'CONNECTED' as const }));
    world.calls.length = 0;
    expect(await world.wa.sessions.import({ sessions })).toEqual({ created: 2_500 });
    expect(world.calls.filter((name) => name === 'create')).toHaveLength(3);
    await world.clock.advance(9 * MINUTE);
    world.broken.calls.add('settleUnheld');
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
