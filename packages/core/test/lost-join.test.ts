import { expect, it } from 'vitest';
import { heartbeats } from './heartbeats.js';
import { off } from './talking.js';
import { createWorld } from './world.js';

it('a join that was committed although its answer was lost is a lease: what is held is claimed and written under it', async () => {
  const world = createWorld();
  const { wa } = world.replica({ ...off, replicaId: 'fenced' });
  await world.during(wa.start(), 0);
  const socket = world.connection('s');
  await world.during(wa.attach(socket).ready, 1_000);
  const { owner } = await world.row('s');
  const number = (await heartbeats(world.memory)).find(({ incarnation }) => incarnation === owner)?.number ?? -1;
  expect(await world.memory.leases.fence({ incarnation: owner ?? '', number })).toBe(true);
  world.broken.calls.add('join');
  world.broken.commitFirst = true;
  await world.clock.advance(5_000);
  await world.fix();
  socket.script.close('connection_lost');
  await world.clock.advance(10_000);
  const row = await world.row('s');
  expect(row).toMatchObject({ status: 'RECONNECTING', owner: expect.any(String) });
  expect(row.owner).not.toBe(owner);
  expect(world.calls.filter((name) => name === 'join')).toHaveLength(2);
  await world.during(wa.stop(), 2_000);
});
