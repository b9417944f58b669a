// A process of a host app, as small as one can be: Postgres, real Baileys, wa-sync. SIGTERM stops it as a host would.
import { baileysProvider } from '@wa-sync/baileys';
import { createWaSync, type Logger } from '@wa-sync/core';
import { trustFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { createPostgresStore } from '@wa-sync/postgres';
import pg from 'pg';
import { REPLICA_SETTINGS, type ReplicaMessage, type ReplicaOrder, type ReplicaSettings } from './replica-settings.js';

const settings = JSON.parse(process.env[REPLICA_SETTINGS] ?? 'null') as ReplicaSettings;
const { name, replicaId, databaseUrl, whatsAppUrl, trust } = settings;

function report(message: ReplicaMessage): void {
  if (process.connected) process.send?.(message);
}

const say =
  (level: 'warn' | 'error') =>
  (fields: Readonly<Record<string, unknown>>, message: string): void =>
    report({
      kind: 'said',
      level,
      code: String(fields.code ?? ''),
      message: fields.err instanceof Error ? `${message}: ${fields.err.message}` : message,
    });
const logger: Logger = { debug() {}, info() {}, warn: say('warn'), error: say('error') };

process.on('unhandledRejection', (error) =>
  report({ kind: 'rejection', error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
);
// Nobody would end it any more.
process.on('disconnect', () => process.exit(1));

await trustFakeWhatsApp(trust);
const pool = new pg.Pool({ connectionString: databaseUrl, application_name: name });
const store = createPostgresStore({ pool });
const { socketConfig, ...provider } = settings.provider;
const wa = createWaSync({
  ...settings.waSync,
  replicaId,
  store,
  logger,
  provider: baileysProvider({
    ...provider,
    auth: store.auth,
    socketConfig: { ...socketConfig, waWebSocketUrl: whatsAppUrl },
  }),
});

process.on('message', (order: ReplicaOrder) => {
  if (order.kind === 'pair') void pair(order.sessionId);
  else if (order.kind === 'force-sync') void forceSync();
  else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, order.forMs);
});
process.on('SIGTERM', () => {
  // Sockets that went silent keep Baileys' own timers for a while.
  wa.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});

async function forceSync(): Promise<void> {
  const { totals, sessions } = await wa.forceSync();
  const healed = sessions.filter(({ action }) => action === 'healed').map(({ id }) => id);
  report({ kind: 'synced', checked: totals.checked, unknown: totals.unknown, healed });
}

/** Shows codes until somebody has scanned one; the judge reads them from the row, as a host's page would. */
async function pair(sessionId: string): Promise<void> {
  try {
    for await (const _step of wa.sessions.pair(sessionId));
  } catch (error) {
    report({ kind: 'said', level: 'warn', code: 'pairing_ended', message: String(error) });
  }
}

try {
  await wa.start();
  report({ kind: 'running' });
} catch (error) {
  // Where the database is away, as in any host: whoever supervises it starts it again.
  report({ kind: 'said', level: 'error', code: 'start_failed', message: String(error) });
  process.exit(1);
}
