import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Session } from '@wa-sync/fake-whatsapp';
import { createRecorder, type HistoryEntry, INVARIANTS, judgeHistory } from '../simulator/index.js';
import { historySettings, KILL_SEEN_MS, SILENCE_SEEN_MS, TTL_MS } from './chaos-settings.js';
import { type ChaosWorld, startWorld } from './chaos-world.js';
import { createFaultDeck } from './fault-deck.js';
import { historyOfRows } from './history-of-rows.js';
import { differencesIn, incarnationOf, readTruth } from './read-truth.js';
import { processOf, recordLinks } from './record-links.js';
import { openSlot, type ReplicaSlot } from './replica-slots.js';
import { watchMachine } from './watch-machine.js';

/** What `playFaults` takes. */
export interface FaultsOptions {
  readonly minutes: number;
  readonly seed: number;
  /** @defaultValue 9 */
  readonly sessions?: number;
  /** Processes of the app. @defaultValue 3 */
  readonly replicas?: number;
  readonly print: (line: string) => void;
}

/** The promises that can be seen from outside a process. */
const SEEN_FROM_OUTSIDE = ['S2', 'S3', 'S4', 'S5', 'S13', 'L1', 'L2', 'L4', 'L7'];
const CONVERGE_WITHIN_MS = 60_000;
const REPORT_EVERY_MS = 15_000;
const INFRA_KINDS = 11;

/**
 * Several processes of the app over one database and one WhatsApp, under every fault of the deck. Then the faults end,
 * and every row must say what the server sees; then a kill, a stop and a silent link without other faults, where each
 * has its time; then all of it is judged by the code that judges the simulator. Returns what did not hold.
 */
export async function playFaults(options: FaultsOptions): Promise<string[]> {
  const { minutes, seed, sessions = 9, replicas = 3, print } = options;
  const world = await startWorld(sessions);
  const startedAt = new Date();
  const nowMs = () => Date.now() - startedAt.getTime();
  const recorder = createRecorder(nowMs);
  const { note } = recorder;
  const broken: string[] = [];
  const alarm = (words: string) => void broken.push(words);
  const slots: ReplicaSlot[] = [];
  let stopWatching = () => {};
  try {
    stopWatching = watchMachine(note);
    recordLinks(world.whatsapp, world.sessionOf, note);
    for (let n = 1; n <= replicas; n += 1) {
      slots.push(await openSlot({ replicaId: `replica-${n}`, world, note, alarm }));
    }
    for (const slot of slots) slot.start();
    await Promise.all(slots.map((slot) => slot.up()));
    await converge(world, slots, 'the first logins');
    print(`${replicas} processes hold ${sessions} sessions; seed ${seed}`);

    const playMs = minutes * 60_000;
    const deck = createFaultDeck({
      ...{ seed, world, slots, note, print },
      infraEveryMs: Math.min(4_000, playMs / (INFRA_KINDS + 3)),
      whatsAppEveryMs: Math.min(600, playMs / 24),
    });
    const reporting = setInterval(() => {
      const total = [...deck.used.values()].reduce((sum, count) => sum + count, 0);
      const up = slots.filter(({ process }) => process).length;
      print(
        `  ${(nowMs() / 60_000).toFixed(1)} min: ${total} faults, ${up} processes up, ${world.whatsapp.connected().length} connected`,
      );
    }, REPORT_EVERY_MS);
    await deck.play(playMs).finally(() => clearInterval(reporting));
    await Promise.all(slots.map((slot) => slot.up()));
    note({ what: 'calm', actor: 'world' });
    const calmFromMs = nowMs();
    print(`The faults are over; every row must become what the server sees`);
    print(`  all ${sessions} rows do after ${seconds(await converge(world, slots, 'the faults'))} s`);
    await coda(world, slots, note);
    note(await readTruth(world, slots, { moment: 'end' }));

    const settings = historySettings({ seed, startedAt, calmFromMs, endMs: nowMs() });
    const rows = historyOfRows(await world.changes(), startedAt);
    const history: HistoryEntry[] = [...recorder.entries, ...rows].sort((a, b) => a.t - b.t);
    history.unshift({ t: 0, actor: 'world', what: 'settings', settings });
    const invariants = INVARIANTS.filter(({ name }) => SEEN_FROM_OUTSIDE.includes(name));
    const judgement = judgeHistory(history, invariants);
    const { violations } = judgement;
    // A write that the guard refused leaves no trace outside; each that was committed is held against the tenure of
    // its writer.
    const tested: Readonly<Record<string, number>> = {
      ...judgement.tested,
      S3: rows.filter((one) => one.what === 'commit' && one.method === 'write').length,
    };
    print('Faults and how often each was used');
    for (const [kind, count] of [...deck.used].sort()) {
      print(`  ${String(count).padStart(5)}  ${kind}`);
      if (count === 0) alarm(`the fault ${kind} was never used`);
    }
    print('Invariants and how often they were put to the test');
    for (const { name, promise } of invariants) {
      print(`  ${name.padEnd(4)}${String(tested[name]).padStart(6)}  ${promise}`);
      if (!tested[name]) alarm(`${name} was never put to the test`);
    }
    if (violations.length > 0) print(`The history is in ${await keepHistory(history)}`);
    return [...broken, ...violations.map(({ invariant, t, words }) => `${invariant} broken at ${t} ms: ${words}`)];
  } finally {
    stopWatching();
    await Promise.all(slots.map((slot) => slot.end()));
    await world.stop();
  }
}

/** Writes a history down, an entry a line, for whoever reads a violation. */
async function keepHistory(history: readonly HistoryEntry[]): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'wa-sync-chaos-history-')), 'history.jsonl');
  await writeFile(file, history.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  return file;
}

/** A kill and a stop without an heir, and a silent link: each long enough that what must come of it can be seen. */
async function coda(
  world: ChaosWorld,
  slots: readonly ReplicaSlot[],
  note: ReturnType<typeof createRecorder>['note'],
): Promise<void> {
  // What the faults left behind is over by then.
  await pause(4_500);
  const bySessions = [...slots].sort((a, b) => openAt(world, b).length - openAt(world, a).length);
  const [killed, stopped, ...stay] = bySessions;
  if (!killed?.process || !stopped?.process || stay.length === 0)
    throw new Error('Not every process is up after the faults');
  const dead = await incarnationOf(world, killed.process.name);
  const gone = await incarnationOf(world, stopped.process.name);
  const silence = (): number => {
    stay.flatMap((slot) => openAt(world, slot))[0]?.goSilent();
    return performance.now();
  };
  const held = stay.some((slot) => openAt(world, slot).length > 0);
  const silencedMs = held ? silence() : null;
  const killedMs = performance.now();
  await killed.kill();
  await stopped.stop();
  note(await readTruth(world, slots, { moment: 'after-stop', of: gone }));
  await pause(Math.max(0, TTL_MS + 100 - (performance.now() - killedMs)));
  note(await readTruth(world, slots, { moment: 'after-crash', of: dead }));
  await pause(Math.max(0, KILL_SEEN_MS - (performance.now() - killedMs)));
  await converge(world, slots, 'a kill without other faults');
  // Whoever held nothing has taken over by now.
  await pause(Math.max(0, SILENCE_SEEN_MS - (performance.now() - (silencedMs ?? silence()))));
  await converge(world, slots, 'a silent link without other faults');
}

/** Sessions that the server sees open at the process of this slot. */
function openAt(world: ChaosWorld, { process }: ReplicaSlot): Session[] {
  return world.whatsapp
    .sessions()
    .filter(({ connections }) =>
      connections.some(({ state, path }) => state === 'online' && processOf(path) === process?.name),
    );
}

/** Waits until every row says what the server sees, and every session is connected; returns how long that took. */
async function converge(world: ChaosWorld, slots: readonly ReplicaSlot[], after: string): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    const tookMs = performance.now() - startedMs;
    const differences = differencesIn(await readTruth(world, slots, { moment: 'end' }));
    if (differences.length === 0) return tookMs;
    if (tookMs > CONVERGE_WITHIN_MS) throw new Error(`Not true ${tookMs} ms after ${after}: ${differences.join('; ')}`);
    await pause(200);
  }
}

const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
