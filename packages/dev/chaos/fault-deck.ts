import { setTimeout as pause } from 'node:timers/promises';
import {
  createRandomFaults,
  RANDOM_FAULT_KINDS,
  type RandomFaultKind,
  type RandomFaults,
} from '@wa-sync/fake-whatsapp';
import { createSeededRandom } from '@wa-sync/testing';
import type { HistoryFact } from '../simulator/index.js';
import { TTL_MS } from './chaos-settings.js';
import type { ChaosWorld } from './chaos-world.js';
import { linkAgain } from './link-again.js';
import type { ReplicaSlot } from './replica-slots.js';

/** How much longer it may take until each was used. */
const EXTRA_MS = 30_000;

/** Faults, dealt so that each comes once before any comes again, and how often each was used. */
export interface FaultDeck {
  readonly used: ReadonlyMap<string, number>;
  /** Plays faults for so long, and until each was used once; then waits for those that last, and heals everything. */
  play(durationMs: number): Promise<void>;
}

/** Makes one; `infraEveryMs` is the mean time between two faults of processes, networks and the database. */
export function createFaultDeck(params: {
  seed: number;
  world: ChaosWorld;
  slots: readonly ReplicaSlot[];
  infraEveryMs: number;
  whatsAppEveryMs: number;
  note(fact: HistoryFact): void;
  print(line: string): void;
}): FaultDeck {
  const { world, slots, note, print } = params;
  const random = createSeededRandom(params.seed);
  const whatsapp: RandomFaults = createRandomFaults(world.whatsapp, { seed: params.seed });
  const used = new Map<string, number>();
  const lasting = new Set<Promise<void>>();
  let databaseDown = false;

  const between = (leastMs: number, mostMs: number) => Math.round(leastMs + random.next() * (mostMs - leastMs));
  const oneOf = <Item>(items: readonly Item[]): Item | undefined => items[Math.floor(random.next() * items.length)];
  const awake = () => slots.filter(({ process, frozen }) => process !== null && !frozen);

  /** Each returns whether there was somebody to hit; what lasts goes on beside it. */
  const infra: Readonly<Record<string, () => boolean>> = {
    'process-kill': () =>
      onSlot(async (slot) => {
        const downMs = between(0, TTL_MS + 2_000);
        await slot.kill();
        await pause(downMs);
        slot.start();
      }),
    'process-freeze': () => onSlot((slot) => freeze(slot, between(200, TTL_MS - 3_000))),
    'process-freeze-past-lease': () => onSlot((slot) => freeze(slot, between(TTL_MS + 2_000, TTL_MS + 6_000))),
    'process-stop': () =>
      onSlot(async (slot) => {
        const downMs = between(0, 3_000);
        await slot.stop();
        await pause(downMs);
        slot.start();
      }),
    'database-links-reset': () =>
      onSlot(async (slot) => {
        slot.toDatabase.apply({ kind: 'reset' });
        await slot.impair('database-links-reset', 0);
      }),
    'database-links-cut-in-an-answer': () =>
      onSlot(async (slot) => {
        slot.toDatabase.apply({ kind: 'cut', direction: 'to-client', afterBytes: between(1, 400) });
        await slot.impair('database-links-cut', 2_000);
      }),
    'database-black-hole': () =>
      onSlot(async (slot) => {
        const lastsMs = between(500, TTL_MS + 3_000);
        // Connections that are made meanwhile go nowhere either.
        slot.toDatabase.plan(() => ({ kind: 'black-hole' }));
        await slot.impair('database-black-hole', lastsMs);
        slot.toDatabase.plan(null);
        slot.toDatabase.heal();
      }),
    'whatsapp-links-reset': () =>
      onSlot(async (slot) => {
        slot.toWhatsApp.apply({ kind: 'reset' });
        await slot.impair('whatsapp-links-reset', 0);
      }),
    'whatsapp-black-hole': () =>
      onSlot(async (slot) => {
        const lastsMs = between(500, 9_000);
        slot.toWhatsApp.plan(() => ({ kind: 'black-hole' }));
        await slot.impair('whatsapp-black-hole', lastsMs);
        slot.toWhatsApp.plan(null);
        slot.toWhatsApp.heal();
      }),
    'database-kill': () => {
      if (databaseDown) return false;
      databaseDown = true;
      last('database', async () => {
        note({ what: 'impaired', actor: '*', by: 'database', on: true });
        await world.database.kill();
        await pause(between(300, 5_000));
        await world.database.restart();
        databaseDown = false;
        note({ what: 'impaired', actor: '*', by: 'database', on: false });
      });
      return true;
    },
    'logout-and-pairing': () => {
      const session = oneOf(world.whatsapp.sessions().filter(({ connected }) => connected));
      if (!session) return false;
      session.logOut();
      last(`pairing of ${session.phone}`, () => linkAgain(world, slots, session.phone));
      return true;
    },
  };

  function last(what: string, work: () => Promise<void>): void {
    const running = work()
      .catch((error: unknown) => print(`✗ ${what}: ${error instanceof Error ? error.message : String(error)}`))
      .finally(() => lasting.delete(running));
    lasting.add(running);
  }

  function onSlot(work: (slot: ReplicaSlot) => Promise<void>): boolean {
    const slot = oneOf(awake());
    if (!slot) return false;
    last(slot.replicaId, () => work(slot));
    return true;
  }

  async function freeze(slot: ReplicaSlot, lastsMs: number): Promise<void> {
    slot.freeze();
    await pause(lastsMs);
    slot.thaw();
  }

  /** Deals one kind after the other in an order of chance; one that met nobody comes again. */
  async function deal(
    kinds: readonly string[],
    everyMs: number,
    act: (kind: string) => { target: string } | undefined,
    durationMs: number,
  ): Promise<void> {
    let hand: string[] = [];
    const startedMs = performance.now();
    const goesOn = () => {
      const playedMs = performance.now() - startedMs;
      return playedMs < durationMs || (playedMs < durationMs + EXTRA_MS && kinds.some((kind) => used.get(kind) === 0));
    };
    while (goesOn()) {
      await pause(everyMs * (0.5 + random.next()));
      if (hand.length === 0) hand = shuffled(kinds);
      const kind = hand.pop()!;
      const met = act(kind);
      if (!met) {
        hand.unshift(kind);
        continue;
      }
      used.set(kind, (used.get(kind) ?? 0) + 1);
      note({ what: 'fault', actor: 'world', kind, target: met.target, met: '' });
    }
  }

  function shuffled(kinds: readonly string[]): string[] {
    return kinds
      .map((kind) => ({ kind, at: random.next() }))
      .sort((a, b) => a.at - b.at)
      .map(({ kind }) => kind);
  }

  for (const kind of [...RANDOM_FAULT_KINDS, ...Object.keys(infra)]) used.set(kind, 0);
  return {
    used,
    async play(durationMs) {
      await Promise.all([
        deal(
          Object.keys(infra),
          params.infraEveryMs,
          (kind) => (infra[kind]!() ? { target: 'one' } : undefined),
          durationMs,
        ),
        deal(
          RANDOM_FAULT_KINDS,
          params.whatsAppEveryMs,
          (kind) => {
            const hit = whatsapp.inject(kind as RandomFaultKind);
            return hit && { target: hit.jid ?? 'next' };
          },
          durationMs,
        ),
      ]);
      await whatsapp.heal();
      while (lasting.size > 0) await Promise.all(lasting);
      for (const slot of slots) {
        slot.toDatabase.heal();
        slot.toWhatsApp.heal();
      }
    },
  };
}
