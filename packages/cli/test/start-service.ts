import { randomUUID } from 'node:crypto';
import { createMemoryStore, createWaSync, type MemoryStore, systemClock, type WaSync } from '@wa-sync/core';
import { createHttpHandler, type HttpOptions, toNodeHandler, type WaSyncLike } from '@wa-sync/http';
import { createScriptedConnection, type ScriptedConnection } from '@wa-sync/testing';
import { expect } from 'vitest';
import { listen } from '../../http/test/listen.js';

export const TOKEN = 'canary-token-0123456789abcdef';
const DAY_MS = 86_400_000;

/** A real replica behind a real server, on the memory store. */
export interface TestService {
  readonly wa: WaSync;
  readonly store: MemoryStore;
  readonly url: string;
  /** What a shell has in its environment. */
  readonly env: Readonly<Record<string, string>>;
  addSession(id: string): Promise<ScriptedConnection>;
  /** A row that was made so many days ago and that nobody holds. */
  addOldRow(id: string, daysAgo: number): Promise<void>;
  /** The replica has run for long enough to judge who is gone; it has to have a short `tickMs`. */
  settle(): Promise<void>;
  /** A row that says CONNECTED and whose process is gone; settles once its lease is over. */
  addAbandoned(id: string): Promise<void>;
  /** Writes into a row as somebody else would. */
  spoil(id: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startService(
  options: Partial<HttpOptions> & { wrap?: (wa: WaSync) => WaSyncLike; dropPrefer?: boolean; tickMs?: number } = {},
): Promise<TestService> {
  const { wrap = (wa) => wa, dropPrefer = false, tickMs = 60_000, ...http } = options;
  let agoMs = 0;
  let aheadMs = 0;
  const store = createMemoryStore({ clock: { ...systemClock, now: () => new Date(Date.now() - agoMs) } });
  const wa = createWaSync({
    store,
    currentSession: 'current',
    jobs: { sync: false, cleanup: false, inactivity: false },
    probe: { timeoutMs: 100, silenceMs: 60_000 },
    // Long, so that nobody takes over what was abandoned while a process starts.
    lease: { ttlMs: tickMs * 10, tickMs },
    clock: { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs },
  });
  const bridge = toNodeHandler(createHttpHandler(wrap(wa), { auth: { tokens: [TOKEN] }, ...http }));
  const server = await listen((request, response) => {
    if (dropPrefer) delete request.headers.prefer;
    bridge(request, response);
  });
  await wa.start();

  async function rowOf(id: string) {
    const [row] = await store.sessions.get({ ids: [id] });
    if (!row) throw new Error(`no row ${id}`);
    return row;
  }

  async function write(id: string, status: 'CONNECTED' | 'DISCONNECTED'): Promise<void> {
    const { owner, tenure, version, health, phone } = await rowOf(id);
    const state = { status, health, phone, reason: null, reconnectAttempt: 0, qr: null, seenAgoMs: null };
    const writes = [{ id, tenure: tenure ?? '', version, writeId: randomUUID(), set: state }];
    await store.sessions.write({ owner: owner ?? '', writes });
  }

  async function addSession(id: string): Promise<ScriptedConnection> {
    await wa.sessions.create({ id });
    const connection = createScriptedConnection({ sessionId: id, clock: systemClock });
    await wa.attach(connection).ready;
    await wa.syncNow(id);
    return connection;
  }

  await addSession('current');
  return {
    wa,
    store,
    url: `${server.origin}/whatsapp`,
    env: { WA_SYNC_URL: `${server.origin}/whatsapp`, WA_SYNC_TOKEN: TOKEN },
    addSession,
    async addOldRow(id, daysAgo) {
      agoMs = daysAgo * DAY_MS;
      await store.sessions.create({ sessions: [{ id, desired: 'running' }] });
      agoMs = 0;
    },
    async settle() {
      aheadMs = 601_000;
      // It takes its own lease for lost until the next beat.
      await expect.poll(async () => (await wa.cleanupSessions({ dryRun: true })).postponed).toBeNull();
    },
    async addAbandoned(id) {
      const incarnation = randomUUID();
      await store.leases.join({ incarnation, replicaId: `gone-${id}`, ttlMs: 50 });
      await store.sessions.create({ sessions: [{ id, desired: 'running' }] });
      await store.sessions.claim({ owner: incarnation, claims: [{ id, tenure: randomUUID(), mode: 'free' }] });
      await write(id, 'CONNECTED');
      // A lease that runs out gives no signal.
      await expect.poll(async () => (await rowOf(id)).effective.evidence).toBe('expired');
    },
    spoil: (id) => write(id, 'DISCONNECTED'),
    async stop() {
      await server.close();
      await wa.stop();
    },
  };
}
