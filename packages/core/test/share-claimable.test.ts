import { createScriptedProvider } from '@wa-sync/testing';
import { describe, expect, it } from 'vitest';
import { createMortalClock, createWorld } from './world.js';

/** `SESSIONS=10000` is the whole. */
const SESSIONS = Number(process.env.SESSIONS ?? 4_000);
const jobs = { sync: false, cleanup: false, inactivity: false } as const;
const idOf = (index: number) => `session-${String(index).padStart(5, '0')}`;

/** A world whose claims of free sessions are counted. */
function countedWorld() {
  const world = createWorld();
  const asked = { claims: 0, inVain: 0 };
  /** A way to the store, on which the calls of replicas meet. */
  const onTheWay = () => new Promise<void>((resolve) => void world.clock.schedule(resolve, 5));
  const { claim, claimable } = world.memory.sessions;
  world.memory.sessions.claimable = async (params) => {
    const page = await claimable(params);
    await onTheWay();
    return page;
  };
  world.memory.sessions.claim = async (params) => {
    await onTheWay();
    const outcomes = await claim(params);
    asked.claims += outcomes.length;
    asked.inVain += outcomes.filter(({ claimed }) => !claimed).length;
    return outcomes;
  };
  const provider = () =>
    createScriptedProvider({ clock: world.clock, onOpen: ({ connection }) => connection.script.open() });
  return {
    ...world,
    asked,
    provider,
    start: async (count: number, options: (index: number) => object) => {
      const replicas = Array.from({ length: count }, (_, index) =>
        world.replica({ jobs, replicaId: `r${index}`, ...options(index) }),
      );
      await world.during(Promise.all(replicas.map(({ wa }) => wa.start())), 1_000);
      return replicas;
    },
    create: (count: number) =>
      world.memory.sessions.create({
        sessions: Array.from({ length: count }, (_, index) => ({ id: idOf(index), desired: 'running' as const })),
      }),
    /** How many sessions each owner has; nobody's are under `null`. */
    shares: async () => {
      const shares = new Map<string | null, number>();
      for (let after: string | undefined; ; ) {
        const rows = await world.memory.sessions.list({ limit: 1_000, after });
        for (const { owner } of rows) shares.set(owner, (shares.get(owner) ?? 0) + 1);
        after = rows.at(-1)?.id;
        if (after === undefined) return shares;
      }
    },
  };
}

describe('sessions that stand free', () => {
  it('are shared by 16 replicas without competing for them', { timeout: 60_000 }, async () => {
    const world = countedWorld();
    const replicas = await world.start(16, () => ({ provider: world.provider() }));
    await world.create(SESSIONS);
    await world.clock.advance(15_000);
    const shares = await world.shares();
    expect(shares.get(null)).toBeUndefined();
    expect(world.asked.inVain / world.asked.claims).toBeLessThanOrEqual(0.05);
    expect(shares.size).toBe(16);
    for (const share of shares.values()) {
      expect(share).toBeGreaterThan(SESSIONS / 16 / 2);
      expect(share).toBeLessThan((SESSIONS / 16) * 2);
    }
    await world.during(Promise.all(replicas.map(({ wa }) => wa.stop())), 5_000);
  });

  it('are shared by those that can open them, where others only look on', { timeout: 60_000 }, async () => {
    const world = countedWorld();
    const replicas = await world.start(12, (index) => {
      if (index < 4) return {};
      return index < 8 ? { provider: world.provider(), observeOnly: true } : { provider: world.provider() };
    });
    await world.create(1_000);
    await world.clock.advance(16_000);
    const shares = await world.shares();
    expect([...shares.values()].reduce((sum, share) => sum + share)).toBe(1_000);
    expect(shares.get(null)).toBeUndefined();
    expect(world.asked.inVain / world.asked.claims).toBeLessThanOrEqual(0.05);
    expect(shares.size).toBe(4);
    for (const share of shares.values()) expect(Math.abs(share - 250)).toBeLessThan(125);
    // What comes later waits for nobody: who cannot open is known by now.
    await world.memory.sessions.create({ sessions: [{ id: 'later', desired: 'running' }] });
    await world.clock.advance(5_500);
    expect(await world.row('later')).toMatchObject({ owner: expect.any(String) });
    await world.during(Promise.all(replicas.map(({ wa }) => wa.stop())), 5_000);
  });

  it('fall to the others a tick later where a replica hangs, and to it again once it is back', async () => {
    const world = countedWorld();
    const mortal = createMortalClock(world.clock);
    const options = (index: number) => ({ provider: world.provider(), ...(index === 0 && { clock: mortal.clock }) });
    const replicas = await world.start(3, options);
    mortal.pause();
    await world.create(300);
    await world.clock.advance(11_000);
    const shares = await world.shares();
    expect(shares.get(null)).toBeUndefined();
    expect(shares.size).toBe(2);
    mortal.resume();
    await world.clock.advance(60_000);
    for (let round = 1; round <= 5; round += 1) {
      await world.create(300 * (round + 1));
      await world.clock.advance(5_500);
      expect((await world.shares()).get(null)).toBeUndefined();
    }
    const after = await world.shares();
    expect(after.size).toBe(3);
    expect(Math.min(...after.values())).toBeGreaterThan(300);
    expect(world.asked.inVain).toBeLessThanOrEqual(world.asked.claims * 0.05);
    await world.during(Promise.all(replicas.map(({ wa }) => wa.stop())), 5_000);
  });

  it('are claimed within two minutes of the death of the replica that had 10,000', { timeout: 60_000 }, async () => {
    const world = countedWorld();
    const { leases, sessions } = world.memory;
    const dead = 'dead';
    await leases.join({ incarnation: dead, replicaId: dead, ttlMs: 30_000 });
    await world.create(10_000);
    const claims = Array.from({ length: 10_000 }, (_, index) => ({
      id: idOf(index),
      tenure: 't',
      mode: 'free' as const,
    }));
    await world.during(sessions.claim({ owner: dead, claims }), 5);
    expect([...(await world.shares()).keys()]).toEqual([dead]);
    world.asked.claims = 0;
    const [two] = await world.start(1, () => ({ provider: world.provider(), replicaId: 'two' }));
    await world.clock.advance(120_000);
    const shares = await world.shares();
    expect([...shares.values()]).toEqual([10_000]);
    expect(shares.has(dead)).toBe(false);
    expect(world.asked).toEqual({ claims: 10_000, inVain: 0 });
    await world.during(two!.wa.stop(), 5_000);
  });
});
