/**
 * A replica as a process of its own, for tests that kill, stop and starve processes. What it does is in
 * `REPLICA_SETTINGS`; what happens to it goes to standard output, one JSON line each.
 */
import { createWaSync, isWaSyncError, type WaSync } from '@wa-sync/core';
import { trustFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { createPostgresStore } from '@wa-sync/postgres';
import pg from 'pg';
import { baileysProvider, createBaileysAuthState, multiFileAuth } from '../../src/index.js';
import type { ReplicaSettings } from './start-replica.js';

const settings = JSON.parse(process.env.REPLICA_SETTINGS ?? '') as ReplicaSettings;
const say = (event: string, payload: object = {}) => console.log(JSON.stringify({ event, ...payload }));

await trustFakeWhatsApp(settings.trust);
const pool = new pg.Pool({ ...settings.database, max: 4 });
const store = createPostgresStore({ pool });
const auth = settings.folder === undefined ? store.auth : multiFileAuth({ folder: settings.folder });

if (settings.writesCreds === undefined) await runReplica();
else await writeCredsForEver(settings.writesCreds);

async function runReplica(): Promise<void> {
  const tell = (_fields: unknown, text?: string) => say('log', { text });
  const wa = createWaSync({
    store,
    replicaId: settings.replicaId,
    jobs: { cleanup: false, inactivity: false },
    ...settings.wa,
    logger: { debug() {}, info() {}, warn: tell, error: tell },
    provider: baileysProvider({ auth, socketConfig: { waWebSocketUrl: settings.url }, ...settings.provider }),
  });
  for (const name of ['ownership:gained', 'ownership:lost', 'lease:lost', 'lease:back'] as const) {
    wa.on(name, (payload) => say(name, payload));
  }
  process.once('SIGTERM', async () => {
    await wa.stop();
    await store.close();
    await pool.end();
    process.exit(0);
  });
  await wa.start();
  for (const id of settings.sessions) await startSession(wa, id);
  say('started');
}

async function startSession(wa: WaSync, id: string): Promise<void> {
  for (;;) {
    try {
      await wa.sessions.start(id);
      return;
    } catch (error) {
      // Many processes start at once here, and the lease allows the database little time.
      if (!isWaSyncError(error) || error.code !== 'store_timeout') throw error;
    }
  }
}

/** Changes credentials and stores them, again and again, until it is killed in the middle of it. */
async function writeCredsForEver(sessionId: string): Promise<void> {
  const opened =
    settings.folder === undefined
      ? await createBaileysAuthState({ store: store.auth, sessionId })
      : await multiFileAuth({ folder: settings.folder })({ sessionId, tenure: null });
  const { creds } = opened.state;
  // As long as those of an account with a long history.
  creds.processedHistoryMessages = Array.from({ length: 2_000 }, (_, n) => ({
    key: { id: `message-${n}` },
    messageTimestamp: n,
  }));
  say('started');
  for (;;) {
    creds.accountSyncCounter += 1;
    say('saving', { counter: creds.accountSyncCounter });
    await opened.saveCreds();
    say('saved', { counter: creds.accountSyncCounter });
  }
}
