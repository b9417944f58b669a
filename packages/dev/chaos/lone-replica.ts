/** A replica and nothing else, as a process: it starts, says what came of it, and ends on SIGTERM. */
import { createWaSync, isWaSyncError, systemClock } from '@wa-sync/core';
import { createPostgresStore } from '@wa-sync/postgres';
import { createRedisStore } from '@wa-sync/redis';
import { createScriptedProvider } from '@wa-sync/testing';
import { Redis } from 'ioredis';
import pg from 'pg';
import { LONE_REPLICA, type LoneMessage, type LoneSettings } from './lone-settings.js';

const { url, replicaId, lease } = JSON.parse(process.env[LONE_REPLICA] ?? '') as LoneSettings;
const say = (message: LoneMessage) => void (process.connected && process.send?.(message));

process.on('unhandledRejection', (error) => say({ kind: 'rejection', text: String(error) }));

function open() {
  if (url.startsWith('redis:')) {
    const client = new Redis(url);
    return { store: createRedisStore({ client }), end: async () => client.disconnect() };
  }
  const pool = new pg.Pool({ connectionString: url, max: 3 });
  return { store: createPostgresStore({ pool }), end: () => pool.end() };
}

const { store, end } = open();
const wa = createWaSync({
  store,
  replicaId,
  lease,
  provider: createScriptedProvider({ clock: systemClock, onOpen: ({ connection }) => connection.script.open() }),
  jobs: { cleanup: false, inactivity: false },
  logger: { debug() {}, info() {}, warn() {}, error() {} },
});

async function close(): Promise<void> {
  await wa.stop();
  await store.close();
  await end();
  if (process.connected) process.disconnect();
}

process.once('SIGTERM', () => void close());
wa.start().then(
  () => say({ kind: 'accepted' }),
  (error: unknown) => say({ kind: 'refused', code: isWaSyncError(error) ? error.code : String(error) }),
);
