import {
  createMemoryStore,
  createWaSync,
  type Logger,
  silentLogger,
  systemClock,
  type WaSync,
  WaSyncError,
  type WaSyncStore,
} from '@wa-sync/core';
import { createScriptedConnection, type ScriptedConnection } from '@wa-sync/testing';

export const TOKEN = 'canary-token-0123456789abcdef';

/** A real replica over the memory store, with connections that a test plays. */
export interface World {
  readonly wa: WaSync;
  readonly store: WaSyncStore;
  /** From now on the store fails, until it is called with `false`. */
  breakStore(broken: boolean): void;
  /** A row with an attached, open connection. */
  addSession(id?: string): Promise<{ id: string; connection: ScriptedConnection }>;
  /** A row that nobody holds. */
  addRow(id?: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startWorld({ logger = silentLogger }: { logger?: Logger } = {}): Promise<World> {
  const memory = createMemoryStore();
  let broken = false;
  let added = 0;
  const store: WaSyncStore = {
    ...memory,
    sessions: new Proxy(memory.sessions, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]) => {
          if (broken) {
            throw new WaSyncError('store_unreachable', 'db.internal:5432 refused user 5511912345678', {
              retryable: true,
            });
          }
          return method.apply(target, args) as unknown;
        };
      },
    }),
  };
  const wa = createWaSync({
    store,
    logger,
    currentSession: 'current',
    jobs: { sync: false },
    probe: { timeoutMs: 100, silenceMs: 60_000 },
  });

  async function addRow(id = `session-${++added}`): Promise<string> {
    await wa.sessions.create({ id });
    return id;
  }

  async function addSession(id?: string) {
    const name = await addRow(id);
    const connection = createScriptedConnection({ sessionId: name, clock: systemClock });
    await wa.attach(connection).ready;
    await wa.syncNow(name);
    return { id: name, connection };
  }

  await wa.start();
  await addSession('current');
  return {
    wa,
    store: memory,
    breakStore(next) {
      broken = next;
    },
    addSession,
    addRow,
    async stop() {
      broken = false;
      await wa.stop();
    },
  };
}

/** Holds calls back until `open()`, so that a test decides what overlaps. */
export function createGate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
