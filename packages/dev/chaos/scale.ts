import { setTimeout as pause } from 'node:timers/promises';
import type { RawRow } from './audit.js';
import { awaitConnected } from './await-connected.js';
import { type ChaosWorld, startWorld } from './chaos-world.js';
import { measureHeap } from './measure-heap.js';
import type { ReplicaMessage, ReplicaSettings } from './replica-settings.js';
import { startReplica } from './start-replica.js';

/** What `playScale` takes. */
export interface ScaleOptions {
  /** @defaultValue 500 */
  readonly sessions?: number;
  /** Sockets of each process whose heap is measured, and how often. @defaultValue 100 and 5 */
  readonly heap?: { readonly sockets: number; readonly rounds: number };
  /** A busy machine may be given others. @defaultValue 90,000 ms, 2,000 ms and a tenth over a plain socket */
  readonly bounds?: { readonly connectedMs: number; readonly sweepMs: number; readonly heapOver: number };
  readonly print: (line: string) => void;
}

const DEAD = 5;
const STALL_MS = 3_000;
/** Longer than a silence and the probes that mean dead, so that a false alarm would have come. */
const AFTERMATH_MS = 8_000;
const ASKED = { connectedMs: 90_000, sweepMs: 2_000, heapOver: 0.1 };

/**
 * Caps that are set for it: what the defaults hold back for the sake of a real network. Probes are asked soon, so that
 * the stall falls among them.
 */
const CAPS: Pick<ReplicaSettings, 'waSync' | 'provider'> = {
  waSync: { probe: { timeoutMs: 1_000, silenceMs: 2_000 }, lease: { tickMs: 1_000 }, jobs: { sync: false } },
  provider: { maxLogins: 50, loginJitterMs: 0 },
};

/**
 * Many sessions in one process: all come up, a forced sync finds the dead among them, a blocked event loop drops none,
 * and they weigh little more than plain sockets.
 */
export async function playScale(options: ScaleOptions): Promise<string[]> {
  const { sessions = 500, heap = { sockets: 100, rounds: 5 }, print } = options;
  const { connectedMs, sweepMs, heapOver } = options.bounds ?? ASKED;
  const broken: string[] = [];
  const figure = (words: string, holds: boolean) => {
    print(`  ${holds ? '✓' : '✗'} ${words}`);
    if (!holds) broken.push(words);
  };
  const world = await startWorld(sessions);
  const app = startApp(world);
  try {
    const startedMs = performance.now();
    await awaitConnected(world, 4 * connectedMs);
    const upMs = performance.now() - startedMs;
    figure(
      `${sessions} sessions CONNECTED after ${seconds(upMs)} s (<= ${seconds(connectedMs)} s)`,
      upMs <= connectedMs,
    );

    const dead = [...world.phones].filter((_, n) => n % Math.ceil(sessions / DEAD) === 0).slice(0, DEAD);
    for (const [, phone] of dead) world.whatsapp.session(phone).goSilent();
    const seen = await app.whileRowsChange(async () => {
      const report = await app.forceSync();
      figure(
        `a forced sync of ${report.checked} took ${seconds(report.tookMs)} s (<= ${seconds(sweepMs)} s), ${report.unknown} unknown`,
        report.tookMs <= sweepMs && report.checked === sessions && report.unknown === 0,
      );
      figure(
        `it found ${report.healed.length} dead: ${report.healed.join(', ')}`,
        same(
          report.healed,
          dead.map(([id]) => id),
        ),
      );
      await awaitConnected(world, connectedMs);
    });
    figure(
      `${seen.size} sessions changed, none of which was alive`,
      same(
        [...seen],
        dead.map(([id]) => id),
      ),
    );

    const dropped = await app.whileRowsChange(async () => {
      // The answers of half of the probes arrive while nobody can read them.
      const synced = app.forceSync();
      app.stall(STALL_MS);
      const { healed, unknown } = await synced;
      print(`    a forced sync over the stall: ${healed.length} called dead, ${unknown} unknown`);
      // Once more in the midst of the probes that come by themselves.
      await pause(CAPS.waSync.probe?.silenceMs ?? 0);
      app.stall(STALL_MS);
      await pause(AFTERMATH_MS);
    });
    figure(
      `${dropped.size} false drops with the event loop stalled for ${seconds(STALL_MS)} s, twice`,
      dropped.size === 0,
    );
    await awaitConnected(world, connectedMs);
  } finally {
    await app.stop();
    await world.stop();
  }

  const { plainKb, withKb, ratio } = await measureHeap({ ...heap, print });
  figure(
    `heap of a session ${withKb.toFixed(0)} KB, of a plain socket ${plainKb.toFixed(0)} KB: ${percent(ratio - 1)} more (<= ${percent(heapOver)}), median of ${heap.rounds}`,
    ratio - 1 <= heapOver,
  );
  return broken;
}

/** The one process, and what can be asked of it. */
function startApp(world: ChaosWorld) {
  let synced: ((message: Extract<ReplicaMessage, { kind: 'synced' }>) => void) | null = null;
  const replica = startReplica(
    world.program,
    {
      ...CAPS,
      name: 'scale-1',
      replicaId: 'scale',
      databaseUrl: world.database.url(),
      whatsAppUrl: world.whatsapp.url,
      trust: world.whatsapp.trust,
    },
    (message) => {
      if (message.kind === 'synced') synced?.(message);
    },
  );
  return {
    /** As it is seen from outside: from the order to the answer. */
    async forceSync() {
      const startedMs = performance.now();
      const answer = new Promise<Extract<ReplicaMessage, { kind: 'synced' }>>((resolve, reject) => {
        synced = resolve;
        void replica.ended.then(() => reject(new Error('The process ended')));
      });
      replica.order({ kind: 'force-sync' });
      return { ...(await answer), tookMs: performance.now() - startedMs };
    },
    stall: (forMs: number) => replica.order({ kind: 'stall', forMs }),
    /** Sessions whose row changed, or that logged in, while this ran. */
    async whileRowsChange(work: () => Promise<void>): Promise<Set<string>> {
      const before = (await world.changes()).length;
      const logins = new Map(world.whatsapp.sessions().map((session) => [session.jid, session.logins]));
      await work();
      const changed = (await world.changes()).slice(before).filter(({ of }) => of === 'session');
      const again = world.whatsapp.sessions().filter((session) => session.logins !== logins.get(session.jid));
      return new Set([
        ...changed.map(({ after, before }) => ((after ?? before) as RawRow).id),
        ...again.map(({ phone }) => world.sessionOf(phone)),
      ]);
    },
    stop: () => replica.stop(),
  };
}

const same = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((one) => others.includes(one));
const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
