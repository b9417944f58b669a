import { beatOf } from '@wa-sync/testing/conformance';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHeartbeatWatch } from '../src/engine/lease/watch-heartbeats.js';
import { createMemoryStore } from '../src/index.js';
import { createWorld } from './world.js';

const lease = { ttlMs: 30_000, tickMs: 5_000 };
const TRUSTED_MS = lease.ttlMs * 0.9;

/** How long a beat is on its way there and back, and how long its replica then waits. */
const beats = fc.array(
  fc.record({ there: fc.nat({ max: 9_000 }), back: fc.nat({ max: 9_000 }), rest: fc.nat({ max: 20_000 }) }),
  { minLength: 3, maxLength: 30 },
);

interface Play {
  readonly owner: readonly { there: number; back: number; rest: number }[];
  readonly challenger: readonly { there: number; back: number; rest: number }[];
}

/** Plays both against one sequence; returns when the challenger held the owner's lease for over. */
function play({ owner, challenger }: Play) {
  const watch = createHeartbeatWatch({ lease, replicaId: 'challenger' });
  type Step = { readonly atMs: number; readonly run: () => void };
  const steps: Step[] = [];
  let drawn = 1;
  let ownerNumber = drawn;
  let trustedUntilMs = TRUSTED_MS;
  let overAtMs: number | null = null;
  let overWhileTrusted = false;
  for (let [atMs, index] = [0, 0]; index < owner.length; index += 1) {
    const { there, back, rest } = owner[index]!;
    const begunMs = atMs;
    steps.push({
      atMs: begunMs + there,
      run: () => {
        drawn += 1;
        ownerNumber = drawn;
        // It may trust from here on, should the answer arrive.
        trustedUntilMs = Math.max(trustedUntilMs, begunMs + TRUSTED_MS);
      },
    });
    atMs += there + back + rest;
  }
  for (let [atMs, index] = [0, 0]; index < challenger.length; index += 1) {
    const { there, back, rest } = challenger[index]!;
    const [begunMs, arrivedMs] = [atMs, atMs + there + back];
    let after: ReturnType<typeof watch.after> = null;
    let answer: Parameters<typeof watch.note>[0] | null = null;
    steps.push({
      atMs: begunMs,
      run: () => {
        after = watch.after();
      },
    });
    steps.push({
      atMs: begunMs + there,
      run: () => {
        drawn += 1;
        const number = drawn;
        const heartbeat = { incarnation: 'o', replicaId: 'o', joined: 1, beatAt: new Date(0), ttlMs: lease.ttlMs };
        const row = { ...heartbeat, number: ownerNumber, fenced: false, massOutage: false, stuck: false };
        const others = after !== null && ownerNumber < after.number ? [row] : [];
        answer = { alive: true, storeNow: new Date(0), number, joined: 1, lastKnown: true, others, fencedLeft: false };
      },
    });
    steps.push({
      atMs: arrivedMs,
      run: () => {
        watch.note(answer!, { after, begunMs, arrivedMs });
        const [listed] = answer!.others;
        if (listed === undefined || !watch.isOver(listed)) return;
        overAtMs ??= arrivedMs;
        if (listed.number === ownerNumber && arrivedMs < trustedUntilMs) overWhileTrusted = true;
      },
    });
    atMs = arrivedMs + rest;
  }
  // Of one instant the earlier noted comes first, so an answer is taken in before the next beat names it.
  for (const { run } of [...steps].sort((a, b) => a.atMs - b.atMs)) run();
  return { overAtMs, overWhileTrusted };
}

describe('the watch over other heartbeats', () => {
  it('ends no lease that its owner still trusts, whatever calls take and wherever the time goes', () => {
    fc.assert(
      fc.property(fc.record({ owner: beats, challenger: beats }), (drawn) => {
        expect(play(drawn).overWhileTrusted).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('ends one that stands still within a ttl and two ticks of its last renewal', () => {
    const steady = Array.from({ length: 20 }, () => ({ there: 2, back: 2, rest: 4_996 }));
    fc.assert(
      fc.property(fc.nat({ max: 4_999 }), (shiftMs) => {
        const { overAtMs } = play({
          owner: [{ there: shiftMs, back: 0, rest: 0 }],
          challenger: steady,
        });
        expect(overAtMs).toBeGreaterThan(TRUSTED_MS);
        expect(overAtMs).toBeLessThanOrEqual(shiftMs + lease.ttlMs + 2 * lease.tickMs);
      }),
    );
  });

  it('begins anew after a gap of its own, and where the sequence went back', () => {
    const watch = createHeartbeatWatch({ lease, replicaId: 'challenger' });
    const still = { incarnation: 'o', replicaId: 'o', joined: 1, beatAt: new Date(0), ttlMs: 30_000 };
    const row = { ...still, number: 1, fenced: false, massOutage: false, stuck: false };
    let nowMs = 0;
    let number = 1;
    const beat = (afterMs: number, draws = 1, lastKnown = true) => {
      number += draws;
      const after = watch.after();
      nowMs += afterMs;
      const answer = {
        storeNow: new Date(0),
        joined: 2,
        lastKnown,
        others: after === null ? [] : [row],
        fencedLeft: false,
      };
      watch.note({ alive: true, number, ...answer }, { after, begunMs: nowMs, arrivedMs: nowMs });
      return watch.isOver(row);
    };
    for (let tick = 0; tick < 6; tick += 1) expect(beat(5_000)).toBe(false);
    expect(beat(5_000)).toBe(true);
    expect(beat(11_001)).toBe(false);
    for (let tick = 0; tick < 5; tick += 1) expect(beat(5_000)).toBe(false);
    expect(beat(5_000)).toBe(true);
    expect(beat(5_000, 0)).toBe(false);
    expect(watch.after()).toBe(null);
    for (let tick = 0; tick < 5; tick += 1) expect(beat(5_000)).toBe(false);
    // It has drawn anew what it had lost, and is ahead again.
    expect(beat(5_000, 1, false)).toBe(false);
    expect(watch.after()).toBe(null);
  });
});

describe('the answer of a beat', () => {
  it('is below 1 KB among 200 replicas while nobody dies', async () => {
    const { clock } = createWorld();
    const { leases } = createMemoryStore({ clock });
    const names = Array.from({ length: 200 }, (_, index) => `replica-${index}`);
    const numbers: number[] = [];
    for (const replicaId of names) await leases.join({ incarnation: replicaId, replicaId, ttlMs: 30_000 });
    for (let round = 0; round < 3; round += 1) {
      for (const [index, replicaId] of names.entries()) {
        // The second-last of its own, which the join was in the second round.
        const after = round === 0 ? null : (numbers[index] ?? null);
        const answer = await leases.beat(beatOf(replicaId, { replicaId, after }));
        if (!answer.alive) throw new Error('dead');
        if (round > 0) expect(JSON.stringify(answer).length).toBeLessThan(1_024);
        numbers[index] = answer.number;
      }
    }
  });
});
