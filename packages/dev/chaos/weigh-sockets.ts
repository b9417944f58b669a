// A process whose sockets are weighed: plain ones, or the same under wa-sync. Credentials are in memory either way;
// the first sockets warm up and are not counted.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { baileysProvider, silenceLibsignal } from '@wa-sync/baileys';
import { createMemoryStore, createWaSync } from '@wa-sync/core';
import { createMemoryAuthState, trustFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { type AuthenticationCreds, BufferJSON, makeWASocket } from '@whiskeysockets/baileys';
import { HEAP_SETTINGS, type HeapSettings } from './heap-settings.js';

const { kind, warmUp, url, trust } = JSON.parse(process.env[HEAP_SETTINGS] ?? 'null') as HeapSettings;
/** Behind the last login the client still asks for this and that. */
const SETTLE_MS = 3_000;
const AT_ONCE = 20;

process.on('disconnect', () => process.exit(1));
await trustFakeWhatsApp(trust);
silenceLibsignal();
const [received] = (await once(process, 'message')) as [string];
const creds = JSON.parse(received, BufferJSON.reviver) as AuthenticationCreds[];

const silent = { level: 'silent', child: () => silent, trace() {}, debug() {}, info() {}, warn() {}, error() {} };

async function openPlain(some: readonly AuthenticationCreds[]): Promise<void> {
  const sockets = some.map((one) => {
    const socket = makeWASocket({ auth: createMemoryAuthState(one), waWebSocketUrl: url, logger: silent });
    kept.push(socket);
    return new Promise<void>((resolve) => {
      socket.ev.on('connection.update', ({ connection }) => connection === 'open' && resolve());
    });
  });
  await Promise.all(sockets);
}

const kept: unknown[] = [];
const byId = new Map<string, AuthenticationCreds>();
const wa = createWaSync({
  store: createMemoryStore(),
  jobs: { sync: false },
  lease: { tickMs: 500 },
  provider: baileysProvider({
    auth: async ({ sessionId }) => ({ state: createMemoryAuthState(byId.get(sessionId)!), saveCreds: async () => {} }),
    socketConfig: { waWebSocketUrl: url },
    maxLogins: AT_ONCE,
    loginJitterMs: 0,
  }),
});

async function openWithWaSync(some: readonly AuthenticationCreds[]): Promise<void> {
  const waiting = new Set<string>();
  await new Promise<void>((resolve) => {
    const off = wa.on('session:changed', ({ sessionId, to }) => {
      if (to !== 'CONNECTED' || !waiting.delete(sessionId) || waiting.size > 0) return;
      off();
      resolve();
    });
    for (const one of some) {
      const id = one.me?.id ?? '';
      byId.set(id, one);
      waiting.add(id);
      void wa.sessions.create({ id });
    }
  });
}

async function heapKb(): Promise<number> {
  for (let n = 0; n < 5; n += 1) {
    await pause(50);
    globalThis.gc?.();
  }
  return process.memoryUsage().heapUsed / 1024;
}

const open = kind === 'plain' ? openPlain : openWithWaSync;
await wa.start();
await open(creds.slice(0, warmUp));
await pause(SETTLE_MS);
const before = await heapKb();
for (let from = warmUp; from < creds.length; from += AT_ONCE) await open(creds.slice(from, from + AT_ONCE));
await pause(SETTLE_MS);
process.send?.(((await heapKb()) - before) / (creds.length - warmUp));
