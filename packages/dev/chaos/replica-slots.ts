import { setTimeout as pause } from 'node:timers/promises';
import { type FaultProxy, startFaultProxy } from '../faults/index.js';
import type { HistoryFact } from '../simulator/index.js';
import { SHORTENED } from './chaos-settings.js';
import type { ChaosWorld } from './chaos-world.js';
import { addressFor } from './record-links.js';
import { type ReplicaProcess, startReplica } from './start-replica.js';

/** A place for one process of the app at a time, with a network of its own. */
export interface ReplicaSlot {
  readonly replicaId: string;
  /** All its connections to the database go through this one. */
  readonly toDatabase: FaultProxy;
  /** All its connections to WhatsApp go through this one. */
  readonly toWhatsApp: FaultProxy;
  /** The process that runs here, if one does. */
  readonly process: ReplicaProcess | null;
  readonly frozen: boolean;
  start(): void;
  /** Resolves once its process has started. */
  up(): Promise<void>;
  freeze(): void;
  thaw(): void;
  /** Kill -9. */
  kill(): Promise<void>;
  /** SIGTERM. */
  stop(): Promise<void>;
  /** Something stands in the way of its process for so long. */
  impair(by: string, lastsMs: number): Promise<void>;
  /** Ends all that it started. */
  end(): Promise<void>;
}

const START_AGAIN_AFTER_MS = 1_000;
const UP_WITHIN_MS = 60_000;

/** Opens a slot without a process. */
export async function openSlot(params: {
  replicaId: string;
  world: ChaosWorld;
  note(fact: HistoryFact): void;
  alarm(words: string): void;
}): Promise<ReplicaSlot> {
  const { replicaId, world, note, alarm } = params;
  const toDatabase = await startFaultProxy({ port: world.database.port });
  const toWhatsApp = await startFaultProxy({ port: world.whatsapp.port });
  let process: ReplicaProcess | null = null;
  let frozen = false;
  let starts = 0;
  let ended = false;

  function noteState(one: ReplicaProcess, state: Extract<HistoryFact, { what: 'process' }>['state']): void {
    note({ what: 'process', actor: one.name, state, replicaId });
  }

  /** The process is taken out first, so that nothing else happens to it. */
  async function take(state: 'crashed' | 'stopped', end: (one: ReplicaProcess) => Promise<void>): Promise<void> {
    const one = process;
    if (!one) return;
    process = null;
    frozen = false;
    await end(one);
    noteState(one, state);
  }

  const slot: ReplicaSlot = {
    replicaId,
    toDatabase,
    toWhatsApp,
    get process() {
      return process;
    },
    get frozen() {
      return frozen;
    },
    start() {
      starts += 1;
      const name = `${replicaId}.${starts}`;
      const one = startReplica(
        world.program,
        {
          ...SHORTENED,
          name,
          replicaId,
          databaseUrl: world.database.url(toDatabase.port),
          whatsAppUrl: addressFor(toWhatsApp.port, name),
          trust: world.whatsapp.trust,
        },
        (message) => {
          if (message.kind === 'running') noteState(one, 'running');
          if (message.kind === 'rejection') {
            note({ what: 'rejection', actor: name, error: message.error });
          }
        },
      );
      process = one;
      noteState(one, 'starting');
      let ran = false;
      one.running.then(
        () => {
          ran = true;
        },
        () => {},
      );
      // Whoever kills or stops it takes it out first. One that could not start, as where the database is away, is
      // started again, as a host's supervisor does.
      void one.ended.then(async () => {
        if (process !== one) return;
        process = null;
        noteState(one, 'start_failed');
        if (ran) alarm(`${name} ended by itself`);
        await pause(START_AGAIN_AFTER_MS);
        if (!ended && process === null) slot.start();
      });
    },
    async up() {
      const untilMs = performance.now() + UP_WITHIN_MS;
      while (performance.now() < untilMs) {
        const one = process;
        if (one && (await one.running.then(() => one === process).catch(() => false))) return;
        await pause(100);
      }
      throw new Error(`${replicaId} does not start`);
    },
    freeze() {
      if (!process || frozen) return;
      frozen = true;
      noteState(process, 'paused');
      process.freeze();
    },
    thaw() {
      if (!process || !frozen) return;
      frozen = false;
      process.thaw();
      noteState(process, 'resumed');
    },
    kill: () => take('crashed', (one) => one.kill()),
    async stop() {
      if (process) noteState(process, 'stopping');
      await take('stopped', (one) => one.stop());
    },
    async impair(by, lastsMs) {
      const actor = process?.name;
      if (actor) note({ what: 'impaired', actor, by, on: true });
      await pause(lastsMs);
      const after = process?.name;
      // Its successor had the same in its way.
      if (after && after !== actor) note({ what: 'impaired', actor: after, by, on: true });
      for (const name of new Set([actor, after])) if (name) note({ what: 'impaired', actor: name, by, on: false });
    },
    async end() {
      ended = true;
      await slot.kill();
      await Promise.all([toDatabase.close(), toWhatsApp.close()]);
    },
  };
  return slot;
}
