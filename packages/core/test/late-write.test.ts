import { describe, expect, it } from 'vitest';
import type { SessionStore, StoredSession } from '../src/index.js';
import { createWorld } from './world.js';

const off = { jobs: { sync: false, cleanup: false, inactivity: false } } as const;

describe('a write whose answer was lost', () => {
  it('meets its version no more in a store that was rolled back, and counts its versions anew', async () => {
    const world = createWorld();
    const { sessions } = world.memory;
    // What it lost by the roll-back; the rest of the row is as it was.
    let lostVersions = 0;
    const shown = (row: StoredSession): StoredSession => ({ ...row, version: row.version - lostVersions });
    const rolledBack: SessionStore['write'] = async ({ owner, writes }) => {
      const real = writes.map((write) => ({ ...write, version: write.version + lostVersions }));
      const outcomes = await sessions.write({ owner, writes: real });
      return outcomes.map((outcome) => (outcome.applied ? { ...outcome, session: shown(outcome.session) } : outcome));
    };
    const late: (() => Promise<unknown>)[] = [];
    let losing = false;
    const store = {
      ...world.store,
      sessions: {
        ...sessions,
        get: async (params: Parameters<SessionStore['get']>[0]) => (await sessions.get(params)).map(shown),
        write: (params: Parameters<SessionStore['write']>[0]) => {
          if (!losing) return rolledBack(params);
          losing = false;
          late.push(() => rolledBack(params));
          return new Promise<never>(() => {});
        },
      },
    };
    const { wa } = world.replica({ ...off, store });
    await world.during(wa.start(), 0);
    const socket = world.connection('s');
    socket.script.open();
    await world.during(wa.attach(socket).ready, 0);
    losing = true;
    socket.script.close('connection_closed', 'RECONNECTING');
    await world.clock.advance(1_000);
    socket.script.open();
    lostVersions = 1;
    await world.clock.advance(30_000);
    const row = await world.row('s');
    expect(row).toMatchObject({ status: 'CONNECTED' });
    await late[0]?.();
    expect(await world.row('s')).toEqual(row);
    await world.during(wa.stop(), 5_000);
  });
});
