import { createMemoryStore, createWaSync } from '@wa-sync/core';
import { createRandomFaults, RANDOM_FAULT_KINDS, startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { createSeededRandom } from '@wa-sync/testing';
import { baileysProvider, createBaileysAuthState } from '../src/index.js';

export const SESSIONS = 20;
/** Silence, which nothing but a probe finds, twice as often as the others. */
const KINDS = [...RANDOM_FAULT_KINDS, 'silence'] as const;
/**
 * Read until it is right, which is after some seconds at the settings below where the machine has nothing else to do.
 */
const QUIET_MS = 60_000;

/** What came of a script. */
export interface ScriptOutcome {
  readonly seed: number;
  /** How often each fault hit. */
  readonly faults: Readonly<Record<string, number>>;
  /** From the last fault until every row was what the server sees. */
  readonly settledMs: number;
  /** Rows that differ from it after the faults have ended. */
  readonly wrong: readonly string[];
}

/**
 * Plays one script of faults against 20 sessions of one replica, then lets it alone. Silent links stay silent, and
 * logins that hang go on hanging: it is for the library to find them.
 */
export async function playFaultScript(seed: number): Promise<ScriptOutcome> {
  const random = createSeededRandom(seed);
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const server = await startFakeWhatsApp({ preKeys: 'plenty' });
  const store = createMemoryStore();
  const auth = store.auth!;
  const wa = createWaSync({
    store,
    provider: baileysProvider({
      auth,
      socketConfig: server.socketConfig(),
      loginJitterMs: 50,
      maxLogins: 4,
      attemptTimeoutMs: 5_000,
      backoff: { baseMs: 50, maxMs: 500 },
    }),
    probe: { timeoutMs: 1_500, silenceMs: 2_000 },
    lease: { ttlMs: 30_000, tickMs: 250 },
    jobs: { sync: '* * * * * *', cleanup: false, inactivity: false },
  });
  try {
    await wa.start();
    const phones = new Map(Array.from({ length: SESSIONS }, (_, n) => [`s${n}`, `55119000000${n + 10}`]));
    for (const [id, phone] of phones) {
      await wa.sessions.create({ id, desired: 'stopped' });
      const { state, saveCreds } = await createBaileysAuthState({ store: auth, sessionId: id });
      Object.assign(state.creds, server.createCredentials({ phone }));
      await saveCreds();
      await wa.sessions.start(id);
    }
    await server.waitFor(() => server.connected().length === SESSIONS, { timeoutMs: 120_000 });

    const faults = createRandomFaults(server, { seed, kinds: KINDS });
    const counts: Record<string, number> = {};
    const count = (kind: string) => {
      counts[kind] = (counts[kind] ?? 0) + 1;
    };
    for (let step = 30 + Math.floor(random.next() * 30); step > 0; step--) {
      const hit = faults.step();
      if (hit) count(hit.kind);
      if (random.next() < 0.03) {
        // For good: this one has to be LOGGED_OUT in the end.
        const online = server.sessions().filter(({ connected }) => connected);
        online[Math.floor(random.next() * online.length)]?.logOut();
        if (online.length > 0) count('device-removed');
      }
      if (random.next() < 0.05) {
        await wa.sessions.stop('s0');
        await wa.sessions.start('s0');
        count('stopped and started by the host');
      }
      await wait(random.next() * 100);
    }
    server.clearPlans();
    for (const session of server.sessions()) {
      session.clearPlans();
      session.delayReplies(0);
    }
    await server.startListening();

    const startedMs = performance.now();
    let wrong: string[] = ['not looked at yet'];
    let seen = 0;
    // Right for half a second, not for a moment.
    while (seen < 10 && performance.now() - startedMs < QUIET_MS) {
      await wait(50);
      wrong = [];
      for (const row of await store.sessions.get({ ids: [...phones.keys()] })) {
        const { connected, linked } = server.session(phones.get(row.id) ?? '');
        // One that was unlinked and then started again by the host shows a code to scan.
        const unlinked = row.id === 's0' && row.status === 'QR_CODE' ? row.status : 'LOGGED_OUT';
        const right = linked ? connected && row.status === 'CONNECTED' : !connected && row.status === unlinked;
        if (!right)
          wrong.push(`${row.id} is ${row.status}/${row.reason?.code}, the server says ${connected}/${linked}`);
      }
      seen = wrong.length === 0 ? seen + 1 : 0;
    }
    return { seed, faults: counts, settledMs: Math.round(performance.now() - startedMs), wrong };
  } finally {
    await wa.stop();
    await server.close();
    await store.close();
  }
}
