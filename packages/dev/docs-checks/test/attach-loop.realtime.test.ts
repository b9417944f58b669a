import { setTimeout as pause } from 'node:timers/promises';
import { createMemoryStore, createWaSync, type WaSync } from '@wa-sync/core';
import { createMemoryAuthState, startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { type AuthenticationState, makeWASocket, type UserFacingSocketConfig } from '@whiskeysockets/baileys';
import { expect, it, onTestFinished } from 'vitest';
import { blockWith, loadCode } from './load-block.js';

interface Page {
  start(host: {
    wa: WaSync;
    state: AuthenticationState;
    saveCreds(): Promise<void>;
    makeWASocket(config: Pick<UserFacingSocketConfig, 'auth'>): ReturnType<typeof makeWASocket>;
    pause(ms: number): Promise<void>;
  }): () => void;
}

/** The page's pauses are this much shorter, and still longer than a tick. */
const FASTER = 30;
const TICK_MS = 50;

it('connect() of BAILEYS called again for the same session ends with one socket, not in a loop of 440', {
  timeout: 60_000,
}, async () => {
  const server = await startFakeWhatsApp({ preKeys: 'plenty' });
  onTestFinished(() => server.close());
  const wa = createWaSync({ store: createMemoryStore(), lease: { ttlMs: 60_000, tickMs: TICK_MS } });
  await wa.start();
  onTestFinished(() => wa.stop());
  await wa.sessions.ensure({ id: 'shop' });

  // The page's own code, with what its reader has handed in.
  const code = blockWith('docs/BAILEYS.md', 'function connect()');
  const imports = code.match(/^import .*$/gm)?.filter((line) => line.includes('@wa-sync/')) ?? [];
  const body = code.replace(/^import .*\n/gm, '');
  const { start } = (await loadCode(
    `${imports.join('\n')}\nexport function start({ wa, state, saveCreds, makeWASocket, pause }) {\n${body}\nreturn connect;\n}`,
  )) as Page;

  const pauses: Promise<void>[] = [];
  const sockets: ReturnType<typeof makeWASocket>[] = [];
  let over = false;
  onTestFinished(() => {
    over = true;
    for (const socket of sockets) socket.end(undefined);
  });
  const connect = start({
    wa,
    state: createMemoryAuthState(server.createCredentials({ phone: '5511911110001' })),
    saveCreds: async () => {},
    makeWASocket(config) {
      const socket = makeWASocket({ ...server.socketConfig(), ...config, logger: silent });
      sockets.push(socket);
      return socket;
    },
    pause(ms) {
      // What is closed after the test opens no socket.
      const paused = over ? new Promise<void>(() => {}) : pause(ms / FASTER);
      pauses.push(paused);
      return paused;
    },
  });
  const isConnected = async () => {
    const row = await wa.sessions.get('shop');
    return row?.status === 'CONNECTED' && server.connected().length === 1 && pauses.length;
  };
  await expect.poll(isConnected, { timeout: 20_000 }).toBe(0);

  for (const again of [1, 2]) {
    connect();
    // The replaced socket's handler has the 440 and pauses; after that it gives up, as `lost` of its attach says.
    await expect.poll(isConnected, { timeout: 20_000 }).toBe(again);
    await Promise.all(pauses);
    await expect.poll(isConnected, { timeout: 20_000 }).toBe(again);
    expect([sockets.length, server.accepted]).toEqual([again + 1, again + 1]);
  }
});

const silent = { level: 'silent', child: () => silent, trace() {}, debug() {}, info() {}, warn() {}, error() {} };
