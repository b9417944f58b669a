import { createMemoryStore, createWaSync } from '@wa-sync/core';
import { createMemoryAuthState } from '@wa-sync/fake-whatsapp';
import { makeWASocket } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { baileysProvider, observeBaileysSocket } from '../src/index.js';
import {
  fastClock,
  hangingAuth,
  quietLogger,
  recordStatuses,
  startProvider,
  startServer,
  until,
  untilStatus,
} from './kit.js';

const PHONE = '5511911110001';
const degraded = (seen: { kind: string; health?: string }) => seen.kind === 'known' && seen.health === 'degraded';

describe.concurrent('F02: a connection whose handlers stall', () => {
  it('is CONNECTED and degraded, then made anew; what it left lying arrives', async () => {
    const server = await startServer();
    const store = hangingAuth(server.createCredentials({ phone: PHONE }));
    const host = await startProvider(server, {
      auth: async () => ({ state: store.auth, saveCreds: async () => {} }),
      authTimeoutMs: 60_000,
      handlersStalledAfterMs: 300,
    });
    const connection = host.open(await host.addSession('a'));
    await untilStatus(connection, 'CONNECTED');
    store.hang();
    const ana = server.contact('5511988887777', 'Ana');
    const { id } = await ana.sendText(PHONE, 'oi');
    const seen = await until(connection, degraded, 'degraded health');
    expect(seen).toMatchObject({ status: 'CONNECTED', reason: { code: 'handlers_stalled' } });
    expect(store.hung()).toBeGreaterThan(0);
    await expect(connection.probe({ timeoutMs: 2_000 })).resolves.toBe('answered');
    const repaired = untilStatus(connection, 'RECONNECTING', { reason: 'handlers_stalled' });
    await repaired;
    store.release();
    await untilStatus(connection, 'CONNECTED');
    expect(connection.snapshot()).toMatchObject({ health: 'healthy', reason: null });
    expect(server.accepted).toBe(2);
    await ana.waitForReceipt(id);
  });

  it('becomes healthy again where the store comes back in time', async () => {
    const server = await startServer();
    const store = hangingAuth(server.createCredentials({ phone: PHONE }));
    const socket = makeWASocket({ ...server.socketConfig(), auth: store.auth, logger: quietLogger });
    const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end', handlersStalledAfterMs: 400 });
    await untilStatus(connection, 'CONNECTED');
    store.hang();
    await server.contact('5511988887777', 'Ana').sendText(PHONE, 'oi');
    await until(connection, degraded, 'degraded health');
    store.release();
    await until(connection, (seen) => !degraded(seen), 'healthy again');
    expect(connection.snapshot()).toMatchObject({ status: 'CONNECTED', health: 'healthy', reason: null });
    await connection.close({ reason: 'test_over' });
    await socket.end(undefined);
  });

  it('is never seen in one that is only silent, or busy and well', async () => {
    const server = await startServer();
    const quiet = await openObserved(server, '5511911110002');
    const busy = await openObserved(server, PHONE);
    const ana = server.contact('5511988887777', 'Ana');
    const until = performance.now() + 800;
    for (let n = 0; performance.now() < until; n++) {
      const { id } = await ana.sendText(PHONE, `mensagem ${n}`);
      await ana.waitForReceipt(id);
    }
    expect(quiet.states).toEqual(['CONNECTED/healthy']);
    expect(busy.states).toEqual(['CONNECTED/healthy']);
    expect(server.accepted).toBe(2);
    await Promise.all([quiet.end(), busy.end()]);
  });
});

describe.concurrent('F03: accounts without traffic', () => {
  it('are asked 600 times, as in three hours at the defaults, and never reconnected', { timeout: 60_000 }, async () => {
    const server = await startServer();
    const asked = 600;
    const phones = Array.from({ length: 8 }, (_, n) => `551191111002${n}`);
    const store = createMemoryStore();
    let pings = 0;
    server.onStanza((_, { tag, attrs }) => {
      if (tag === 'iq' && attrs.xmlns === 'w:p') pings += 1;
    });
    const wa = createWaSync({
      store,
      // Twenty times as fast: 5 ms of silence, and a second for each answer.
      clock: fastClock(20),
      provider: baileysProvider({
        auth: async ({ sessionId }) => ({
          state: createMemoryAuthState(server.createCredentials({ phone: sessionId })),
          saveCreds: async () => {},
        }),
        socketConfig: server.socketConfig(),
        loginJitterMs: 0,
      }),
      probe: { silenceMs: 100, timeoutMs: 20_000 },
      lease: { ttlMs: 600_000, tickMs: 10_000 },
      jobs: { sync: false, cleanup: false, inactivity: false },
    });
    const written: string[] = [];
    wa.on('session:changed', ({ to, health }) => void written.push(`${to}/${health}`));
    await wa.start();
    try {
      for (const id of phones) await wa.sessions.create({ id });
      await server.waitFor(() => pings >= asked, { timeoutMs: 50_000 });
      expect(server.accepted).toBe(phones.length);
      expect(server.connected()).toHaveLength(phones.length);
      expect(written.filter((one) => one !== 'CONNECTING/healthy')).toEqual(phones.map(() => 'CONNECTED/healthy'));
    } finally {
      await wa.stop();
    }
  });
});

async function openObserved(server: Awaited<ReturnType<typeof startServer>>, phone: string) {
  const { auth } = hangingAuth(server.createCredentials({ phone }));
  const socket = makeWASocket({ ...server.socketConfig(), auth, logger: quietLogger });
  const connection = observeBaileysSocket({ sessionId: phone, socket, onDead: 'end', handlersStalledAfterMs: 250 });
  await untilStatus(connection, 'CONNECTED');
  const states: string[] = [];
  recordStatuses(connection);
  const look = () => {
    const seen = connection.snapshot();
    const state = seen.kind === 'known' ? `${seen.status}/${seen.health}` : seen.why;
    if (states.at(-1) !== state) states.push(state);
  };
  connection.onChange(look);
  look();
  return {
    states,
    end: async () => {
      await connection.close({ reason: 'test_over' });
      await socket.end(undefined);
    },
  };
}
