import {
  createMemoryStore,
  createWaSync,
  type PairingStep,
  systemClock,
  type WaSync,
  type WhatsAppConnection,
} from '@wa-sync/core';
import type { FakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { createScriptedConnection } from '@wa-sync/testing';
import { describe, expect, it } from 'vitest';
import { baileysProvider, createBaileysAuthState } from '../src/index.js';
import { endLater } from './end-later.js';
import { startServer } from './kit.js';
import { rowBecomes } from './world.js';

const NEW_PHONE = '5511911110009';

/** The engine with a provider whose credentials are in its store, and a session `a` that nobody linked. */
async function startUnpaired(server: FakeWhatsApp, qrTimeout?: number) {
  const store = createMemoryStore();
  const connections: WhatsAppConnection[] = [];
  const provider = baileysProvider({
    auth: store.auth,
    socketConfig: { ...server.socketConfig(), ...(qrTimeout && { qrTimeout }) },
    loginJitterMs: 0,
    backoff: { baseMs: 20, maxMs: 100 },
  });
  const wa = createWaSync({
    store,
    provider: {
      open(params) {
        const connection = provider.open(params);
        connections.push(connection);
        return connection;
      },
    },
    jobs: { sync: false, cleanup: false, inactivity: false },
  });
  await wa.start();
  endLater(() => wa.stop());
  await wa.sessions.create({ id: 'a', desired: 'stopped' });
  return { wa, store, connections };
}

async function collect(wa: WaSync, onStep: (step: PairingStep, count: number) => unknown, options = {}) {
  const steps: PairingStep[] = [];
  for await (const step of wa.sessions.pair('a', options)) {
    steps.push(step);
    await onStep(step, steps.length);
  }
  return steps;
}

describe.concurrent('wa.sessions.pair', () => {
  it('F12: yields QR codes until one is scanned, and ends when the session is CONNECTED', async () => {
    const server = await startServer({ preKeys: 'truthful' });
    const { wa, store } = await startUnpaired(server, 1_000);
    const startedAt = Date.now();
    const steps = await collect(wa, async (step, count) => {
      if (count === 3 && 'qr' in step) await server.pair(step.qr, { phone: NEW_PHONE });
    });
    expect(steps.length).toBeGreaterThanOrEqual(3);
    const qrs = steps.map((step) => ('qr' in step ? step.qr : ''));
    expect(new Set(qrs).size).toBe(qrs.length);
    for (const step of steps) expect(step.expiresAt?.getTime()).toBeGreaterThan(startedAt + 999);
    expect(server.connected()).toHaveLength(1);
    await rowBecomes(wa, 'CONNECTED');
    const auth = await createBaileysAuthState({ store: store.auth, sessionId: 'a' });
    expect(auth.state.creds.me?.id).toContain(NEW_PHONE);
  });

  it('says how long each code is good for: the first 60 s', async () => {
    const server = await startServer();
    const { wa } = await startUnpaired(server);
    for await (const step of wa.sessions.pair('a')) {
      const leftMs = (step.expiresAt?.getTime() ?? 0) - Date.now();
      expect(leftMs).toBeGreaterThan(55_000);
      expect(leftMs).toBeLessThanOrEqual(60_000);
      break;
    }
  });

  it.each(['5511911110009', '+55 (11) 91111-0009'])(
    'yields a code for the phone %s, and ends when it was typed in',
    async (phone) => {
      const server = await startServer({ preKeys: 'truthful' });
      const { wa } = await startUnpaired(server);
      const steps = await collect(
        wa,
        async (step) => {
          if ('code' in step) await server.enterPairingCode(step.code, { phone: NEW_PHONE });
        },
        { phone },
      );
      expect(steps).toHaveLength(1);
      expect(steps[0]).toMatchObject({ code: expect.stringMatching(/^[A-Z0-9]{8}$/) });
      // As long as the socket has QR codes left.
      expect((steps[0]?.expiresAt?.getTime() ?? 0) - Date.now()).toBeGreaterThan(60_000);
      expect(server.connected()).toHaveLength(1);
    },
  );

  it('asks for a new code when the link was lost under the first, and does not log in with what that left behind', async () => {
    const server = await startServer({ preKeys: 'truthful' });
    const { wa } = await startUnpaired(server);
    const steps = await collect(
      wa,
      async (step, count) => {
        if (count === 1) for (const connection of server.connections()) connection.rst();
        else if ('code' in step) await server.enterPairingCode(step.code, { phone: NEW_PHONE });
      },
      { phone: NEW_PHONE },
    );
    expect(steps).toHaveLength(2);
    expect(server.connected()).toHaveLength(1);
  });

  it('F13: throws qr_expired when nobody came, and the next call opens the session anew', async () => {
    const server = await startServer({ qrRefs: 2, preKeys: 'truthful' });
    const { wa } = await startUnpaired(server, 1_500);
    await expect(collect(wa, () => {})).rejects.toMatchObject({ code: 'qr_expired', retryable: true });
    await rowBecomes(wa, 'DISCONNECTED');
    const steps = await collect(wa, async (step) => {
      if ('qr' in step) await server.pair(step.qr, { phone: NEW_PHONE });
    });
    expect(steps.length).toBeGreaterThan(0);
    expect(server.connected()).toHaveLength(1);
  });

  it('a code that expired leaves credentials that can be paired by QR code later', async () => {
    const server = await startServer({ qrRefs: 2, preKeys: 'truthful' });
    const { wa } = await startUnpaired(server, 1_500);
    await expect(collect(wa, () => {}, { phone: NEW_PHONE })).rejects.toMatchObject({ code: 'qr_expired' });
    await wa.sessions.start('a');
    await rowBecomes(wa, 'QR_CODE');
    const [step] = await Promise.all([collect(wa, (one) => 'qr' in one && server.pair(one.qr, { phone: NEW_PHONE }))]);
    expect(step.length).toBeGreaterThan(0);
    expect(server.connected()).toHaveLength(1);
  });

  it('F15: a session that was logged out is linked again, by pair and by start', async () => {
    const server = await startServer({ preKeys: 'truthful' });
    const { wa } = await startUnpaired(server);
    await collect(wa, (step) => 'qr' in step && server.pair(step.qr, { phone: NEW_PHONE }));
    await wa.sessions.logout('a');
    await rowBecomes(wa, 'LOGGED_OUT');
    expect(server.connected()).toEqual([]);
    await collect(wa, (step) => 'qr' in step && server.pair(step.qr, { phone: NEW_PHONE }));
    await rowBecomes(wa, 'CONNECTED');
    expect(server.connected()).toHaveLength(1);
    const session = server.sessions().find(({ connected }) => connected);
    session?.logOut();
    await rowBecomes(wa, 'LOGGED_OUT');
    await wa.sessions.start('a');
    await rowBecomes(wa, 'QR_CODE');
  });

  it('a session that is connected needs nothing', async () => {
    const server = await startServer({ preKeys: 'truthful' });
    const { wa } = await startUnpaired(server);
    await collect(wa, (step) => 'qr' in step && server.pair(step.qr, { phone: NEW_PHONE }));
    expect(await collect(wa, () => {})).toEqual([]);
  });

  it('breaking out of the loop, and the signal, leave no listener behind', async () => {
    const server = await startServer();
    const { wa, connections } = await startUnpaired(server);
    await wa.sessions.start('a');
    await rowBecomes(wa, 'QR_CODE');
    const [connection] = connections;
    let listening = 0;
    const onChange = connection!.onChange.bind(connection);
    connection!.onChange = (listener) => {
      listening += 1;
      const off = onChange(listener);
      return () => {
        listening -= 1;
        off();
      };
    };
    for (let round = 0; round < 3; round++) {
      for await (const _ of wa.sessions.pair('a')) break;
    }
    expect(listening).toBe(0);
    const abort = new AbortController();
    const seen = collect(wa, () => setImmediate(() => abort.abort()), { signal: abort.signal });
    expect(await seen).toHaveLength(1);
    expect(listening).toBe(0);
    // The session itself goes on: somebody else may show its code.
    expect((await wa.sessions.get('a'))?.status).toBe('QR_CODE');
  });

  it('rejects what it cannot do with a code', async () => {
    const server = await startServer();
    const { wa } = await startUnpaired(server);
    await expect(collect(wa, () => {}, { phone: '12' })).rejects.toMatchObject({ code: 'config_invalid' });
    const unknown = async () => {
      for await (const _ of wa.sessions.pair('nobody')) break;
    };
    await expect(unknown()).rejects.toMatchObject({ code: 'session_not_found' });
    await wa.sessions.create({ id: 'theirs', desired: 'stopped' });
    await wa.attach(createScriptedConnection({ sessionId: 'theirs', clock: systemClock, hostOwned: true })).ready;
    const theirs = async () => {
      for await (const _ of wa.sessions.pair('theirs')) break;
    };
    await expect(theirs()).rejects.toMatchObject({ code: 'not_supported' });
    const bare = createWaSync({ store: createMemoryStore() });
    const without = async () => {
      for await (const _ of bare.sessions.pair('a')) break;
    };
    await expect(without()).rejects.toMatchObject({ code: 'no_provider' });
  });

  it('ends with pairing_failed when the replica stops under it', async () => {
    const server = await startServer();
    const { wa } = await startUnpaired(server);
    await expect(collect(wa, () => void wa.stop())).rejects.toMatchObject({ code: 'pairing_failed' });
  });
});
