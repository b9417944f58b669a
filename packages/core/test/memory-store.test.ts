import { describe, expect, it } from 'vitest';
import { isWaSyncError } from '../src/domain/errors.js';
import { createMemoryStore, type MemoryStore, type MemoryStoreOptions } from '../src/memory/create-memory-store.js';
import type { Clock } from '../src/ports/clock.js';
import type { ExpectedState } from '../src/ports/session-store.js';

const CONNECTED: ExpectedState = { status: 'CONNECTED', health: 'healthy', reason: null };

function standingClock() {
  const time = { wallMs: Date.UTC(2025, 0, 1), monotonicMs: 0, yields: 0 };
  const clock: Clock = {
    now: () => new Date(time.wallMs),
    monotonicMs: () => time.monotonicMs,
    schedule: () => () => undefined,
    async yield() {
      time.yields += 1;
      await new Promise<void>((resolve) => setImmediate(resolve));
    },
  };
  return { time, clock };
}

async function hold(store: MemoryStore, owner: string, count: number): Promise<void> {
  await store.leases.join({ incarnation: owner, replicaId: 'a', ttlMs: 30_000 });
  const ids = Array.from({ length: count }, (_, index) => `s${index}`);
  await store.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
  await store.sessions.claim({ owner, claims: ids.map((id) => ({ id, tenure: `t-${id}`, mode: 'free' as const })) });
  const state = { ...CONNECTED, reconnectAttempt: 0, phone: null, qr: null, seenAgoMs: null };
  const writes = ids.map((id) => ({ id, tenure: `t-${id}`, version: 2, writeId: `w-${id}`, set: state }));
  await store.sessions.write({ owner, writes });
}

describe('the memory store', () => {
  it('refuses an option that it does not know, and names it', () => {
    const make = () => createMemoryStore({ clok: undefined } as MemoryStoreOptions);
    expect(make).toThrow('clok');
    try {
      make();
    } catch (error) {
      expect(isWaSyncError(error) && error.code).toBe('config_invalid');
    }
  });

  it('works on the clock of the process where none is given', async () => {
    const store = createMemoryStore();
    const before = Date.now();
    const answer = await store.leases.join({ incarnation: 'i', replicaId: 'a', ttlMs: 30_000 });
    const storeNow = answer.alive ? answer.storeNow.getTime() : 0;
    expect(storeNow).toBeGreaterThanOrEqual(before);
    expect(storeNow).toBeLessThanOrEqual(Date.now());
  });

  it('ends no lease when the wall clock jumps, and every stale one when time goes by', async () => {
    const { time, clock } = standingClock();
    const store = createMemoryStore({ clock });
    await hold(store, 'i', 1);
    const effective = async () => (await store.sessions.get({ ids: ['s0'] }))[0]?.effective.status;
    for (const jumpMs of [3_600_000, -7_200_000]) {
      time.wallMs += jumpMs;
      expect(await effective()).toBe('CONNECTED');
    }
    time.monotonicMs += 30_000;
    expect(await effective()).toBe('CONNECTED');
    time.monotonicMs += 1;
    expect(await effective()).toBe('DISCONNECTED');
  });

  it('lives on after one of the replicas that share it closed it', async () => {
    const store = createMemoryStore();
    await hold(store, 'i', 1);
    await store.close();
    expect(await store.sessions.get({ ids: ['s0'] })).toHaveLength(1);
  });

  it('changes all it changes before it gives way, in every operation that changes', async () => {
    const { clock } = standingClock();
    const store = createMemoryStore({ clock });
    await hold(store, 'i', 3_000);
    const released = store.sessions.release({ owner: 'i', unobservedIds: [], reason: { code: 'shutdown' } });
    expect(await store.sessions.sweep({ owner: 'i', expected: CONNECTED, otherIds: [] })).toMatchObject({ count: 0 });
    expect(await released).toHaveLength(3_000);
  });

  it('sweeps rows that are right without reading them one by one, and copies others in turns, as of one instant', async () => {
    const { time, clock } = standingClock();
    const store = createMemoryStore({ clock });
    await hold(store, 'i', 10_000);
    const quiet = await store.sessions.sweep({ owner: 'i', expected: CONNECTED, otherIds: [] });
    expect(quiet).toMatchObject({ exceptions: [], count: 10_000 });
    expect(time.yields).toBe(0);
    const expected = { ...CONNECTED, status: 'RECONNECTING' } as const;
    const sweep = store.sessions.sweep({ owner: 'i', expected, otherIds: [] });
    // While the answer is being copied.
    await store.sessions.release({ owner: 'i', unobservedIds: [], reason: { code: 'shutdown' } });
    const { exceptions, count } = await sweep;
    expect(count).toBe(10_000);
    expect(exceptions).toHaveLength(10_000);
    expect(exceptions.every(({ status, owner }) => status === 'CONNECTED' && owner === 'i')).toBe(true);
    expect(time.yields).toBeGreaterThanOrEqual(10);
  });

  it('keeps the last 50,000 changes, and says where older ones may have been missed', async () => {
    const { clock } = standingClock();
    const store = createMemoryStore({ clock });
    await hold(store, 'i', 1_000);
    const first = await store.history.since({ after: null, limit: 1 });
    const state = { ...CONNECTED, reconnectAttempt: 0, phone: null, qr: null, seenAgoMs: null };
    const ids = Array.from({ length: 1_000 }, (_, index) => `s${index}`);
    let middle = first.next;
    for (let round = 0; round < 70; round += 1) {
      const set = { ...state, reason: { code: `r${round}` } };
      const writes = ids.map((id) => ({ id, tenure: `t-${id}`, version: 3 + round, writeId: `w-${round}`, set }));
      await store.sessions.write({ owner: 'i', writes });
      if (round === 60) middle = (await store.history.since({ after: null, limit: 1 })).next;
    }
    const kept = await store.history.ofSession({ sessionId: 's0', limit: 1_000 });
    expect(kept.length).toBeGreaterThanOrEqual(50);
    expect(kept.length).toBeLessThanOrEqual(63);
    expect(kept[0]?.reason).toEqual({ code: 'r69' });
    expect((await store.history.since({ after: first.next, limit: 1 })).missed).toBe(true);
    const rest = await store.history.since({ after: middle, limit: 100_000 });
    expect([rest.transitions.length, rest.missed]).toEqual([9_000, false]);
  });
});
