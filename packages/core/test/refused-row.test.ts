import { expect, it } from 'vitest';
import { WaSyncError, type WaSyncStore } from '../src/index.js';
import { off } from './talking.js';
import { createWorld } from './world.js';

it('a row that the store refuses harms no other, is logged twice, and is written once it is not refused any more', async () => {
  const world = createWorld();
  let refusing = true;
  const store: WaSyncStore = {
    ...world.store,
    sessions: {
      ...world.store.sessions,
      async write({ owner, writes }) {
        const isOdd = ({ id }: { id: string }) => refusing && id === 'odd';
        const written = await world.memory.sessions.write({ owner, writes: writes.filter((one) => !isOdd(one)) });
        const refused = new WaSyncError('store_failed', 'Postgres failed: not this one');
        return [...writes.filter(isOdd).map(({ id }) => ({ id, applied: false as const, refused })), ...written];
      },
    },
  };
  const { wa } = world.replica({ ...off, store });
  await world.during(wa.start(), 0);
  const sockets = ['odd', 'fine', 'good'].map((id) => world.connection(id));
  await world.during(Promise.all(sockets.map((socket) => wa.attach(socket).ready)), 1_000);
  for (const id of ['fine', 'good']) expect((await world.row(id)).status).toBe('CONNECTED');
  for (const socket of sockets) socket.script.close('connection_lost');
  await world.clock.advance(30_000);
  for (const id of ['fine', 'good']) expect((await world.row(id)).status).toBe('RECONNECTING');
  expect((await world.row('odd')).status).toBe('DISCONNECTED');
  expect(world.logged.filter(({ fields }) => fields.code === 'reconcile_failed')).toHaveLength(2);
  refusing = false;
  await world.clock.advance(10_000);
  expect((await world.row('odd')).status).toBe('RECONNECTING');
  await world.during(wa.stop(), 2_000);
});

it('a session whose claim the store refuses is claimed once it is not refused any more', async () => {
  const world = createWorld();
  let refusing = true;
  const store: WaSyncStore = {
    ...world.store,
    sessions: {
      ...world.store.sessions,
      async claim({ claims, ...rest }) {
        const isOdd = ({ id }: { id: string }) => refusing && id === 'odd';
        const claimed = await world.memory.sessions.claim({ ...rest, claims: claims.filter((one) => !isOdd(one)) });
        return [
          ...claims.filter(isOdd).map(({ id }) => ({ id, claimed: false as const, why: 'refused' as const })),
          ...claimed,
        ];
      },
    },
  };
  const { wa } = world.replica({ ...off, store });
  await world.during(wa.start(), 0);
  const sockets = ['odd', 'fine'].map((id) => world.connection(id));
  await world.during(Promise.all(sockets.map((socket) => wa.attach(socket).ready)), 1_000);
  expect((await world.row('fine')).status).toBe('CONNECTED');
  expect((await world.row('odd')).owner).toBeNull();
  refusing = false;
  await world.clock.advance(10_000);
  expect((await world.row('odd')).status).toBe('CONNECTED');
  await world.during(wa.stop(), 2_000);
});
