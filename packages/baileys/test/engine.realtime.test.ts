import { createMemoryStore, createWaSync, type SessionStatus, type WaSync } from '@wa-sync/core';
import { createMemoryAuthState, type FakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { makeWASocket } from '@whiskeysockets/baileys';
import { describe, expect, it, onTestFinished } from 'vitest';
import { baileysProvider, classifyClose, observeBaileysSocket, readCloseError } from '../src/index.js';
import { quietLogger, startServer } from './kit.js';

const PHONE = '5511911110001';
const short = { probe: { timeoutMs: 200, silenceMs: 300 }, lease: { ttlMs: 3_000, tickMs: 100 } };

/** Waits for the row, by the event of its write. */
function rowBecomes(wa: WaSync, status: SessionStatus): Promise<void> {
  return new Promise((resolve) => {
    const off = wa.on('session:changed', ({ to }) => {
      if (to === status) done();
    });
    function done(): void {
      off();
      resolve();
    }
    void wa.sessions.get('a').then((row) => {
      if (row?.status === status) done();
    });
  });
}

async function startWa(options: Partial<Parameters<typeof createWaSync>[0]> = {}): Promise<WaSync> {
  const wa = createWaSync({ store: createMemoryStore(), jobs: { sync: false }, ...short, ...options });
  await wa.start();
  onTestFinished(() => wa.stop());
  return wa;
}

/** What a host writes today: its own loop around makeWASocket. */
function hostLoop(server: FakeWhatsApp, wa: WaSync) {
  const auth = createMemoryAuthState(server.createCredentials({ phone: PHONE }));
  let over = false;
  let socket: ReturnType<typeof makeWASocket>;
  async function connect(): Promise<void> {
    if (over) return;
    socket = makeWASocket({ ...server.socketConfig(), auth, logger: quietLogger });
    socket.ev.on('connection.update', ({ connection, lastDisconnect }) => {
      if (connection !== 'close') return;
      if (classifyClose(readCloseError(lastDisconnect?.error)).reconnects) setTimeout(connect, 50);
    });
    await wa.attach(observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' })).ready;
  }
  onTestFinished(() => {
    over = true;
    void socket.end(undefined);
  });
  return connect();
}

describe('with the engine', () => {
  it('F01: the provider repairs a silent drop, and the row follows', async () => {
    const server = await startServer();
    const auth = createMemoryAuthState(server.createCredentials({ phone: PHONE }));
    const provider = baileysProvider({
      auth: async () => ({ state: auth, saveCreds: async () => {} }),
      socketConfig: server.socketConfig(),
      loginJitterMs: 0,
      backoff: { baseMs: 50, maxMs: 50 },
    });
    const wa = await startWa({ provider });
    await wa.sessions.create({ id: 'a', desired: 'running' });
    await rowBecomes(wa, 'CONNECTED');
    expect(server.connected()).toHaveLength(1);
    const lost = rowBecomes(wa, 'RECONNECTING');
    server.session(PHONE).goSilent();
    await lost;
    await rowBecomes(wa, 'CONNECTED');
    expect(server.connected()).toHaveLength(1);
    expect(server.accepted).toBe(2);
  });

  it('F06: the row stays RECONNECTING from the close until the host’s next socket is open', async () => {
    const server = await startServer();
    const wa = await startWa();
    const seen: string[] = [];
    wa.on('session:changed', ({ to, reason }) => void seen.push(`${to} ${reason?.code ?? ''}`.trim()));
    await wa.sessions.create({ id: 'a' });
    await hostLoop(server, wa);
    await rowBecomes(wa, 'CONNECTED');
    for (let round = 0; round < 2; round++) {
      const lost = rowBecomes(wa, 'RECONNECTING');
      server.session(PHONE).fin();
      await lost;
      await rowBecomes(wa, 'CONNECTED');
    }
    const again = ['RECONNECTING connection_closed', 'CONNECTED'];
    expect(seen).toEqual(['CONNECTING', 'CONNECTED', ...again, ...again]);
  });

  it('F01: a silent drop under a host with its own loop is ended, and the host opens the next socket', async () => {
    const server = await startServer();
    const wa = await startWa();
    await wa.sessions.create({ id: 'a' });
    await hostLoop(server, wa);
    await rowBecomes(wa, 'CONNECTED');
    const lost = rowBecomes(wa, 'RECONNECTING');
    server.session(PHONE).goSilent();
    await lost;
    await rowBecomes(wa, 'CONNECTED');
    expect(server.connected()).toHaveLength(1);
    expect(server.accepted).toBe(2);
  });
});
