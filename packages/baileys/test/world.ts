import {
  type Clock,
  type ConversationRecord,
  createMemoryStore,
  createWaSync,
  type SessionStatus,
  systemClock,
  type WaSync,
  type WaSyncOptions,
} from '@wa-sync/core';
import { createMemoryAuthState, type FakeWhatsApp } from '@wa-sync/fake-whatsapp';
import type { UserFacingSocketConfig } from '@whiskeysockets/baileys';
import { type BaileysProviderOptions, baileysProvider } from '../src/index.js';
import { endLater } from './end-later.js';

export const PHONE = '5511911110001';
export const ADA = '491700000001';

/** The system's clock, which a test can set forward. Timers keep their pace. */
export function shiftedClock() {
  let byMs = 0;
  const clock: Clock = {
    ...systemClock,
    now: () => new Date(Date.now() + byMs),
    monotonicMs: () => systemClock.monotonicMs() + byMs,
  };
  return {
    clock,
    forward: (ms: number) => {
      byMs += ms;
    },
  };
}

/** The engine on the memory store, one session `a` of the number PHONE run by the provider, and its conversations. */
export async function startEngine(
  server: FakeWhatsApp,
  options: {
    wa?: Partial<WaSyncOptions>;
    provider?: Partial<BaileysProviderOptions>;
    socketConfig?: Partial<UserFacingSocketConfig>;
    clock?: Clock;
  } = {},
) {
  const { clock = systemClock } = options;
  const store = createMemoryStore({ clock });
  const auth = createMemoryAuthState(server.createCredentials({ phone: PHONE }));
  const logged: { level: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const log = (level: string) => (fields: Readonly<Record<string, unknown>>) => void logged.push({ level, fields });
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const provider = baileysProvider({
    auth: async () => ({ state: auth, saveCreds: async () => {} }),
    socketConfig: { ...server.socketConfig(), ...options.socketConfig },
    loginJitterMs: 0,
    backoff: { baseMs: 20, maxMs: 100 },
    ...options.provider,
  });
  const wa = createWaSync({
    store,
    provider,
    clock,
    logger,
    jobs: { sync: false, cleanup: false, inactivity: false },
    probe: { timeoutMs: 500, silenceMs: 5_000 },
    lease: { ttlMs: 600_000, tickMs: 50 },
    ...options.wa,
  });
  await wa.start();
  endLater(() => wa.stop());
  return {
    wa,
    store,
    logged,
    async conversation(id: string): Promise<ConversationRecord | undefined> {
      return (await store.conversations.get({ ids: [id] }))[0];
    },
    /** Waits for a conversation that fits: a store gives no signal, so it is asked again. */
    async conversationThat(id: string, fits: (found: ConversationRecord) => boolean): Promise<ConversationRecord> {
      const deadline = Date.now() + 10_000;
      for (;;) {
        const [found] = await store.conversations.get({ ids: [id] });
        if (found && fits(found)) return found;
        if (Date.now() > deadline) throw new Error(`Conversation ${id} is ${JSON.stringify(found)}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}

/** Waits for the row, by the event of its write. */
export async function rowBecomes(wa: WaSync, status: SessionStatus, id = 'a'): Promise<void> {
  await new Promise<void>((resolve) => {
    const off = wa.on('session:changed', ({ to, sessionId }) => {
      if (to === status && sessionId === id) done();
    });
    function done(): void {
      off();
      resolve();
    }
    void wa.sessions.get(id).then((row) => {
      if (row?.status === status) done();
    });
  });
}
