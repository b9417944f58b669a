import { describe, expect, it } from 'vitest';
import { heartbeats } from './heartbeats.js';
import { createWorld } from './world.js';

const jobs = { sync: false, cleanup: false, inactivity: false } as const;

/** Two replicas; `one` holds the sessions. */
async function twoReplicas(...ids: string[]) {
  const world = createWorld();
  const one = world.replica({ jobs, replicaId: 'one' });
  const two = world.replica({ jobs, replicaId: 'two' });
  for (const { wa } of [one, two]) await world.during(wa.start(), 0);
  const connections = ids.map((id) => world.connection(id));
  for (const connection of connections) await world.during(one.wa.attach(connection).ready, 0);
  const lost = () => [...one.events, ...two.events].filter(({ name }) => /^(lease|ownership):lost$/.test(name));
  const isStuck = async () => (await heartbeats(world.memory)).find(({ replicaId }) => replicaId === 'one')?.stuck;
  const evidence = async () =>
    new Set(await Promise.all(ids.map(async (id) => (await world.row(id)).effective.evidence)));
  return { ...world, one, two, connections, lost, isStuck, evidence };
}

const codes = (world: { logged: readonly { fields: { code?: unknown } }[] }) =>
  world.logged.map(({ fields }) => fields.code).filter((code) => /^rows_/.test(String(code)));

describe('rows that cannot be written', () => {
  it.each([
    ['refused at once', false],
    ['never answered', true],
  ])('(%s) are expired for readers within a third of the lease and a tick, and nobody is fenced', async (_, hang) => {
    const world = await twoReplicas('a', 'b', 'c');
    world.broken.hang = hang;
    world.broken.calls.add('write');
    world.connections[0]!.script.close('gone', 'DISCONNECTED');
    await world.clock.advance(9_000);
    expect(await world.isStuck()).toBe(false);
    await world.clock.advance(6_100);
    expect(await world.isStuck()).toBe(true);
    // Also of the sessions that nothing is owed to: what happens to them now could not be written.
    expect(await world.evidence()).toEqual(new Set(['expired']));
    await world.clock.advance(600_000);
    expect(await world.evidence()).toEqual(new Set(['expired']));
    expect(world.lost()).toEqual([]);
    await world.fix();
    await world.clock.advance(10_000);
    expect(await world.row('a')).toMatchObject({ status: 'DISCONNECTED', effective: { evidence: 'observed' } });
    await world.clock.advance(5_000);
    expect(await world.isStuck()).toBe(false);
    expect(await world.evidence()).toEqual(new Set(['observed']));
    expect(codes(world)).toEqual(['rows_stuck', 'rows_written_again']);
    await world.during(world.one.wa.stop(), 2_000);
  });

  it('are not meant where nothing is owed', async () => {
    const world = await twoReplicas('a');
    world.broken.calls.add('write');
    await world.clock.advance(600_000);
    expect(await world.isStuck()).toBe(false);
    expect(await world.evidence()).toEqual(new Set(['observed']));
  });

  it('are not meant where one of them is refused and the others can be written', async () => {
    const world = await twoReplicas('a', 'b');
    refuse(world, 'a');
    world.connections[0]!.script.close('gone', 'DISCONNECTED');
    const { version } = await world.row('b');
    await world.clock.advance(60_000);
    expect(await world.isStuck()).toBe(false);
    expect(codes(world)).toEqual([]);
    // That is known because a row that is right was written.
    expect((await world.row('b')).version).toBeGreaterThan(version);
    expect(await world.row('b')).toMatchObject({ status: 'CONNECTED', effective: { evidence: 'observed' } });
    expect(
      world.one.events.filter(({ name }) => name === 'session:changed').map(({ payload }) => payload),
    ).not.toContainEqual(expect.objectContaining({ sessionId: 'b', from: 'CONNECTED' }));
  });

  it('are meant where each of them is refused', async () => {
    const world = await twoReplicas('a', 'b');
    refuse(world, 'a', 'b');
    world.connections[0]!.script.close('gone', 'DISCONNECTED');
    await world.clock.advance(60_000);
    expect(await world.isStuck()).toBe(true);
    expect(world.lost()).toEqual([]);
  });
});

describe('connections that nobody checks', () => {
  it('are vouched for by no beat, and the lease is back once they are checked', async () => {
    const world = createWorld();
    const held: (() => void)[] = [];
    let dropped = false;
    // The round over the connections is due every 2 s, and is the only thing that is.
    const schedule = (run: () => void, ms: number) => {
      if (!dropped || ms !== 2_000) return world.clock.schedule(run, ms);
      held.push(run);
      return () => {};
    };
    const { wa, events } = world.replica({ jobs, replicaId: 'one', clock: { ...world.clock, schedule } });
    await world.during(wa.start(), 0);
    await world.during(wa.attach(world.connection('a')).ready, 0);
    dropped = true;
    await world.clock.advance(40_000);
    expect((await world.row('a')).effective).toEqual({ status: 'DISCONNECTED', evidence: 'expired' });
    dropped = false;
    for (const run of held) run();
    await world.clock.advance(5_000);
    expect((await world.row('a')).effective).toEqual({ status: 'CONNECTED', evidence: 'observed' });
    expect(world.logged.filter(({ fields }) => fields.code === 'beat_withheld')).toHaveLength(1);
    expect(events.filter(({ name }) => name === 'ownership:lost')).toEqual([]);
    await world.during(wa.stop(), 2_000);
  });
});

/** The store refuses these rows, whatever is written to them. */
function refuse(world: { memory: { sessions: { write: unknown } } }, ...ids: string[]): void {
  const { sessions } = world.memory as unknown as {
    sessions: { write(params: { writes: readonly { id: string }[] }): Promise<{ id: string }[]> };
  };
  const { write } = sessions;
  sessions.write = async (params) => {
    const others = params.writes.filter(({ id }) => !ids.includes(id));
    const refused = params.writes.filter(({ id }) => ids.includes(id));
    const outcomes = others.length === 0 ? [] : await write.call(sessions, { ...params, writes: others });
    return [...outcomes, ...refused.map(({ id }) => ({ id, applied: false, refused: new Error('a trigger') }))];
  };
}
