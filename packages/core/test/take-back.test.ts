import type { MemoryStore } from '@wa-sync/core';
import { describe, expect, it } from 'vitest';
import { heartbeats } from './heartbeats.js';
import { createWorld } from './world.js';

const off = { jobs: { sync: false as const } };

/** Session `a`, attached and open at `one`, was taken over by `two`, whose connection opened later. */
async function takenOver() {
  const world = createWorld();
  const one = world.replica({ ...off, replicaId: 'one' });
  const two = world.replica({ ...off, replicaId: 'two' });
  await world.during(one.wa.start(), 0);
  await world.during(two.wa.start(), 0);
  const first = world.connection('a');
  const handle = one.wa.attach(first);
  await world.during(handle.ready, 0);
  const second = world.connection('a', { status: 'CONNECTING' });
  await world.during(two.wa.attach(second).ready, 0);
  await world.clock.advance(10_000);
  return { world, one, two, first, second, handle };
}

describe('a session that another replica took over', () => {
  it('comes back to the connection that opens anew, also after it was notified that the session is lost', async () => {
    const { world, one, first, second, handle } = await takenOver();
    second.script.open();
    await world.clock.settle();
    const mine = (await world.row('a')).owner;
    first.script.close('conflict', 'REPLACED');
    await world.clock.settle();
    expect(handle.lost.aborted).toBe(true);
    expect((await world.row('a')).status).toBe('CONNECTED');
    await world.clock.advance(60_000);
    // WhatsApp ends the other one.
    first.script.open();
    second.script.close('conflict', 'REPLACED');
    await world.clock.advance(10_000);
    const row = await world.row('a');
    expect(row).toMatchObject({ status: 'CONNECTED', evidence: 'observed' });
    expect(row.owner).not.toBe(mine);
    expect(one.events.map(({ name }) => name).filter((name) => name === 'ownership:gained')).toHaveLength(2);
  });

  it('is not given up where the connection had opened anew before anybody knew, and the other one says that it is closed', async () => {
    const { world, one, first, second, handle } = await takenOver();
    second.script.open();
    await world.clock.settle();
    // In one moment, so that nothing of it is written: only the next sync finds out whose the session is.
    first.script.close('conflict', 'REPLACED');
    first.script.open();
    second.script.close('conflict', 'REPLACED');
    await world.clock.settle();
    expect(await world.row('a')).toMatchObject({ status: 'REPLACED' });
    await world.during(one.wa.syncNow(), 0);
    await world.clock.advance(10_000);
    expect(handle.lost.aborted).toBe(false);
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', evidence: 'observed' });
  });

  it('waits for the word of the other one where both opened, and takes it back within two ticks of it', async () => {
    const { world, one, first, second, handle } = await takenOver();
    second.script.open();
    await world.clock.settle();
    first.script.close('conflict', 'REPLACED');
    first.script.open();
    await world.during(one.wa.syncNow(), 0);
    const { tenure } = await world.row('a');
    await world.clock.advance(60_000);
    expect(handle.lost.aborted).toBe(false);
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', tenure });
    second.script.close('conflict', 'REPLACED');
    await world.clock.advance(10_000);
    expect(handle.lost.aborted).toBe(false);
    const row = await world.row('a');
    expect(row).toMatchObject({ status: 'CONNECTED', evidence: 'observed' });
    expect(row.tenure).not.toBe(tenure);
  });

  it('stays with one of two connections that both seem open, for as long as neither opens anew', async () => {
    const { world, one, two, second } = await takenOver();
    second.script.open();
    await world.clock.settle();
    const { tenure } = await world.row('a');
    for (let round = 0; round < 5; round += 1) {
      await world.during(one.wa.syncNow(), 0);
      await world.during(two.wa.syncNow(), 0);
      await world.clock.advance(60_000);
    }
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', tenure });
  });

  it('comes back to a connection that is still open after its lease had ended, where the other one has closed', async () => {
    const { world, one, first, second, handle } = await takenOver();
    second.script.open();
    await world.clock.settle();
    first.script.close('conflict', 'REPLACED');
    first.script.open();
    const { owner } = await world.row('a');
    const [, other] = [...new Set([owner, ...(await leases(world.memory))])];
    await world.memory.leases.fence((await heartbeats(world.memory)).find(({ incarnation }) => incarnation === other)!);
    second.script.close('conflict', 'REPLACED');
    await world.clock.advance(20_000);
    expect(one.events.map(({ name }) => name)).toContain('lease:lost');
    expect(handle.lost.aborted).toBe(false);
    expect(await world.row('a')).toMatchObject({ status: 'CONNECTED', evidence: 'observed' });
  });
});

const leases = async (memory: MemoryStore) => (await heartbeats(memory)).map(({ incarnation }) => incarnation);
