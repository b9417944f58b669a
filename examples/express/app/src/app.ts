import type { AddressInfo } from 'node:net';
import { baileysProvider } from '@wa-sync/baileys';
import { consoleLogger, createWaSync, type Logger, type WaSync } from '@wa-sync/core';
import { createWaSyncRouter } from '@wa-sync/express';
import { createPostgresStore, type PostgresStore, prismaWhatsAppSession } from '@wa-sync/postgres';
import express from 'express';
import pg from 'pg';
import { applySchema } from './apply-schema.js';
import { createHostSessions } from './host-sessions.js';
import type { Settings } from './settings.js';

/** The app while it runs. */
export interface RunningApp {
  readonly url: string;
  readonly wa: WaSync;
  readonly store: PostgresStore;
  /** Writes what the end means for the sessions, closes the server and the pool. May be called again. */
  stop(): Promise<void>;
}

/** Logs go to standard output, warnings too. */
const stdout = { debug: console.log, info: console.log, warn: console.log, error: console.log };

/**
 * A host app as many are: Express, Postgres and a table `"WhatsAppSession"` of its own, which wa-sync keeps true.
 *
 * @throws WaSyncError `config_invalid`, `store_unreachable`, `replica_id_in_use` and what else a start can end with
 */
export async function startApp(
  settings: Settings,
  logger: Logger = consoleLogger({ target: stdout }),
): Promise<RunningApp> {
  const { databaseUrl, tokens, sessions, replicaId } = settings;
  const pool = new pg.Pool({ connectionString: databaseUrl });
  // Without a listener a broken unused connection would end the process.
  pool.on('error', (error) => logger.warn({ err: error }, 'An unused connection to the database broke'));
  const host = createHostSessions(pool);

  const store = createPostgresStore({ pool, mirror: { sessions: prismaWhatsAppSession() } });
  const provider = baileysProvider({ ...settings.baileys, auth: store.auth });
  const wa = createWaSync({ ...settings.waSync, replicaId, currentSession: sessions[0], store, provider, logger });

  const app = express();
  app.disable('x-powered-by');
  app.use(express.json());
  app.use('/whatsapp', createWaSyncRouter(wa, { ...settings.http, auth: { tokens } }));
  app.get('/', (_request, response) => {
    response.json({
      app: 'An Express app whose table "WhatsAppSession" wa-sync keeps true',
      endpoints: '/whatsapp/openapi.json',
      status: '/whatsapp/status',
      health: '/whatsapp/health/ready',
      table: '/table',
    });
  });
  // The app's own page reads the app's own table: nothing in it knows of wa-sync.
  app.get('/table', async (_request, response) => {
    response.json(await host.list());
  });

  let server: ReturnType<typeof app.listen> | null = null;
  let stopping: Promise<void> | null = null;
  async function stop(): Promise<void> {
    // First the replica: it ends the streams of events, with which the server would not close.
    await wa.stop();
    await new Promise<void>((resolve) => {
      if (server) server.close(() => resolve());
      else resolve();
    });
    await store.close();
    await pool.end();
  }
  const stopOnce = () => {
    stopping ??= stop();
    return stopping;
  };

  try {
    await applySchema(pool, databaseUrl);
    await host.ensure(sessions);
    await wa.start();
    for (const id of sessions) await wa.sessions.ensure({ id });
    server = app.listen(settings.port, settings.host);
    await new Promise((resolve, reject) => server?.once('listening', resolve).once('error', reject));
  } catch (error) {
    await stopOnce().catch(() => {});
    throw error;
  }
  const { address, port } = server.address() as AddressInfo;
  return { url: `http://${address}:${port}`, wa, store, stop: stopOnce };
}
