import {
  createManualClock,
  createScriptedConnection,
  createScriptedProvider,
  createSeededRandom,
} from '@wa-sync/testing';
import {
  createMemoryStore,
  createWaSync,
  type SessionRecord,
  type WaSync,
  type WaSyncEventName,
  type WaSyncOptions,
  type WaSyncStore,
} from '../src/index.js';

const EVENTS: WaSyncEventName[] = [
  'session:changed',
  'drift:corrected',
  'drift:foreign-write',
  'mirror:blocked',
  'ownership:gained',
  'ownership:lost',
  'lease:lost',
  'lease:back',
  'session:reconnect-loop',
  'session:restart-requested',
  'mass-outage:begun',
  'mass-outage:ended',
  'job:started',
  'job:finished',
  'job:failed',
  'conversation:warned',
  'conversation:closed',
];

/**
 * A clock, a store and as many replicas on it as a test wants. Everything that was logged as an error or warned of is
 * kept.
 */
export function createWorld({ startAt }: { startAt?: Date } = {}) {
  const clock = createManualClock({ startAt });
  const random = createSeededRandom(1);
  const memory = createMemoryStore({ clock });
  const logged: { level: string; fields: Readonly<Record<string, unknown>>; message: string }[] = [];
  const log = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void logged.push({ level, fields, message });
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const broken = { calls: new Set<string>(), commitFirst: false, hang: false, words: '' };
  const calls: string[] = [];

  /** The memory store behind a switch: named calls fail, before or after they commit, or never answer. */
  function faulty<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get(target, name) {
        const method = Reflect.get(target, name) as ((params: unknown) => Promise<unknown>) | undefined;
        // What a store need not have.
        if (method === undefined) return undefined;
        return async (params: unknown) => {
          calls.push(String(name));
          const fails = broken.calls.has(String(name)) || broken.calls.has('*');
          if (fails && broken.hang) return new Promise(() => {});
          if (fails && !broken.commitFirst) throw new Error(`${String(name)} failed before commit${broken.words}`);
          const result = await method.call(target, params);
          if (fails) throw new Error(`${String(name)} failed after commit`);
          return result;
        };
      },
    });
  }
  const store: WaSyncStore = {
    ...memory,
    sessions: faulty(memory.sessions),
    leases: faulty(memory.leases),
    jobs: faulty(memory.jobs),
    cleanup: faulty(memory.cleanup),
    conversations: faulty(memory.conversations),
    history: faulty(memory.history),
    inbox: faulty(memory.inbox),
  };

  function replica(options: Partial<WaSyncOptions> = {}): { wa: WaSync; events: { name: string; payload: unknown }[] } {
    const wa = createWaSync({ store, clock, random, logger, ...options });
    const events: { name: string; payload: unknown }[] = [];
    for (const name of EVENTS) wa.on(name, (payload) => void events.push({ name, payload }));
    return { wa, events };
  }

  return {
    clock,
    random,
    store,
    memory,
    broken,
    calls,
    logged,
    replica,
    connection: (sessionId: string, options: Partial<Parameters<typeof createScriptedConnection>[0]> = {}) =>
      createScriptedConnection({ sessionId, clock, hostOwned: true, ...options }),
    provider: () => createScriptedProvider({ clock }),
    /** The row as it stands in the store, not as a replica sees it. */
    async row(id: string): Promise<SessionRecord & { effective: { status: string; evidence: string } }> {
      const [row] = await memory.sessions.get({ ids: [id] });
      if (!row) throw new Error(`No row ${id}`);
      return row;
    },
    async fix(): Promise<void> {
      broken.calls.clear();
      broken.commitFirst = false;
      broken.hang = false;
    },
    /** Runs work that needs time to pass. */
    async during<T>(work: Promise<T>, ms: number): Promise<T> {
      const settled = work.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      );
      await clock.advance(ms);
      const result = await settled;
      if ('error' in result) throw result.error;
      return result.value;
    },
  };
}

/** A clock whose process can be stopped: its timers wait, or die, while the world goes on. */
export function createMortalClock(clock: ReturnType<typeof createManualClock>) {
  let state: 'running' | 'paused' | 'dead' = 'running';
  const waiting: (() => void)[] = [];
  return {
    clock: {
      ...clock,
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      schedule: (run: () => void, delayMs: number) =>
        clock.schedule(() => {
          if (state === 'running') run();
          else if (state === 'paused') waiting.push(run);
        }, delayMs),
    },
    /** kill -9 */
    kill(): void {
      state = 'dead';
    },
    /** SIGSTOP */
    pause(): void {
      state = 'paused';
    },
    /** SIGCONT */
    resume(): void {
      state = 'running';
      for (const run of waiting.splice(0)) run();
    },
  };
}
