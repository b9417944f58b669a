import { createMemoryStore, createWaSync } from '@wa-sync/core';
import { SEED } from '@wa-sync/dev/tests/seed';
import { startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { createSeededRandom } from '@wa-sync/testing';
import { expect, it } from 'vitest';
import { baileysProvider, createBaileysAuthState } from '../src/index.js';

/** `SESSIONS=200` is the whole. */
const SESSIONS = Number(process.env.SESSIONS ?? 80);
const MAX_LOGINS = 8;

it(`F35: a boot of ${SESSIONS} sessions is capped and jittered, and each is true (WA_SYNC_SEED=${SEED})`, {
  timeout: 240_000,
}, async () => {
  const server = await startFakeWhatsApp({ preKeys: 'plenty' });
  const store = createMemoryStore();
  await store.init();
  const auth = store.auth!;
  const phones = Array.from({ length: SESSIONS }, (_, n) => `55119${(10_000_000 + n).toString()}`);
  const ids = phones.map((_, n) => `s${n.toString().padStart(3, '0')}`);
  await store.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
  for (const [n, phone] of phones.entries()) {
    const { state, saveCreds } = await createBaileysAuthState({ store: auth, sessionId: ids[n] ?? '' });
    Object.assign(state.creds, server.createCredentials({ phone }));
    await saveCreds();
  }
  const provider = baileysProvider({
    auth,
    socketConfig: server.socketConfig(),
    maxLogins: MAX_LOGINS,
    // More than the logins of this machine take, so that the order is by chance.
    loginJitterMs: 1_000,
    random: createSeededRandom(SEED),
  });
  const wa = createWaSync({
    store,
    provider,
    lease: { ttlMs: 60_000, tickMs: 100 },
    jobs: { cleanup: false, inactivity: false },
  });
  const loggedIn: string[] = [];
  const untrue: string[] = [];
  let most = 0;
  let allLoggedIn = () => {};
  const booted = new Promise<void>((resolve) => {
    allLoggedIn = resolve;
  });
  wa.on('session:changed', ({ sessionId, to }) => {
    if (to !== 'CONNECTED') return;
    const phone = phones[ids.indexOf(sessionId)] ?? '';
    if (!server.session(phone).connected) untrue.push(sessionId);
    loggedIn.push(sessionId);
    if (loggedIn.length === SESSIONS) allLoggedIn();
  });
  const off = server.onStanza(() => {
    most = Math.max(most, server.connections().filter(({ state }) => state === 'handshaking').length);
  });
  try {
    await wa.start();
    await booted;
    expect(server.connected()).toHaveLength(SESSIONS);
    for (const row of await store.sessions.get({ ids }))
      expect(row).toMatchObject({ status: 'CONNECTED', reason: null });
    expect(untrue).toEqual([]);
    expect(server.accepted).toBe(SESSIONS);
    expect(most).toBeLessThanOrEqual(MAX_LOGINS);
    // By chance some five of a hundred neighbours are in their old order; without jitter nearly all are.
    const ordered = loggedIn.filter((id, n) => n > 0 && ids.indexOf(id) === ids.indexOf(loggedIn[n - 1] ?? '') + 1);
    expect(ordered.length).toBeLessThan(SESSIONS / 4);
  } finally {
    off();
    await wa.stop({ timeoutMs: 20_000 });
    await server.close();
  }
});
