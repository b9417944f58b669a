import { createWaSync, systemClock } from '@wa-sync/core';
import { holdSessions, joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import { createScriptedConnection } from '@wa-sync/testing';
import { expect, it } from 'vitest';
import { createPostgresStore } from '../src/index.js';
import { useDatabase } from './use-database.js';

const at = useDatabase();

it('heartbeats that were deleted by hand: who lives goes on, and the sessions of the dead are free', async () => {
  const store = createPostgresStore({ pool: at.database.connect({ max: 5 }) });
  await store.init();
  await holdSessions(store, await joinReplica(store), ['a', 'b']);
  const said: unknown[] = [];
  const warn = ({ code }: Readonly<Record<string, unknown>>) => void said.push(code);
  const wa = createWaSync({
    store,
    lease: { ttlMs: 1_500, tickMs: 250 },
    jobs: { sync: false, cleanup: false, inactivity: false },
    logger: { debug() {}, info() {}, warn, error: warn },
  });
  await wa.start();
  await wa.attach(createScriptedConnection({ sessionId: 'mine', clock: systemClock, hostOwned: true })).ready;
  const rows = async () =>
    (await store.sessions.list({ limit: 10 })).map(({ id, owner, status }) => [id, owner !== null, status]);
  const held = [
    ['a', true, 'CONNECTED'],
    ['b', true, 'CONNECTED'],
    ['mine', true, 'CONNECTED'],
  ];
  expect(await rows()).toEqual(held);
  const [before] = await store.sessions.get({ ids: ['mine'] });
  await at.database.pool.query('DELETE FROM wa_sync.replica');
  const freed = [['a', false, 'DISCONNECTED'], ['b', false, 'DISCONNECTED'], held[2]];
  await expect.poll(rows, { interval: 50, timeout: 10_000 }).toEqual(freed);
  const [after] = await store.sessions.get({ ids: ['mine'] });
  expect(after).toMatchObject({ owner: before!.owner, tenure: before!.tenure, effective: { evidence: 'observed' } });
  expect(said.filter((code) => code === 'owner_unknown')).toHaveLength(1);
  expect(said).not.toContain('lease_lost');
  await wa.stop();
  await store.close();
});
