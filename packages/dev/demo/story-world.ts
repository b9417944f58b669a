import { randomBytes } from 'node:crypto';
import { startPostgres } from '@wa-sync/dev/servers/postgres';
import { type FakeWhatsApp, type Session, startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import pg from 'pg';
import { KEEP_ALIVE_MS, PHONES, SESSION_IDS, type SessionId, SHORTENED } from './settings.js';
import { type DemoApp, startApp } from './start-app.js';

/** A row of the host's own table. */
export interface HostRow {
  readonly status: string;
  readonly qrCode: string | null;
}

/** Everything that the story plays with. Truth comes from `whatsapp`, rows from SQL: never from wa-sync itself. */
export interface StoryWorld {
  readonly whatsapp: FakeWhatsApp;
  readonly token: string;
  readonly databaseUrl: string;
  app(): DemoApp;
  startApp(): Promise<void>;
  row(id: SessionId): Promise<HostRow>;
  /** What our view says: the row read together with its owner's lease, which was last renewed so long before. */
  effective(id: SessionId): Promise<{ status: string; evidence: string; renewedAgoMs: number }>;
  /** What wa-sync's own table says. */
  own(id: SessionId): Promise<{ status: string; reason: string | null }>;
  edit(id: SessionId, status: string): Promise<void>;
  session(id: SessionId): Session;
  truth(id: SessionId): 'connected' | 'not connected';
  post(path: string): Promise<unknown>;
  stop(): Promise<void>;
}

/** Options of the story; `{}` means every default. */
const STORY_OPTIONS = { waSync: SHORTENED, baileys: { socketConfig: { keepAliveIntervalMs: KEEP_ALIVE_MS } } };

/**
 * Starts Postgres, the fake WhatsApp and the app, all on loopback; `options` go to `createWaSync` and
 * `baileysProvider`.
 */
export async function startWorld(onLog: (line: string) => void, options: object = STORY_OPTIONS): Promise<StoryWorld> {
  const started: { stop(): Promise<unknown> }[] = [];
  const stop = async () => {
    for (const part of started.splice(0).reverse()) await part.stop();
  };
  try {
    const postgres = await startPostgres();
    started.push(postgres);
    const whatsapp = await startFakeWhatsApp();
    started.push({ stop: () => whatsapp.close() });
    const pool = new pg.Pool({ connectionString: postgres.url(), max: 2 });
    pool.on('error', () => {});
    started.push({ stop: () => pool.end() });
    const token = randomBytes(16).toString('hex');
    const environment = {
      DATABASE_URL: postgres.url(),
      PORT: '0',
      WA_SYNC_TOKEN: token,
      WA_SYNC_SESSIONS: SESSION_IDS.join(','),
      WA_SYNC_REPLICA_ID: 'demo',
      WA_SYNC_OPTIONS: JSON.stringify(options),
    };
    let app: DemoApp | null = null;
    started.push({ stop: async () => app?.stop() });

    const one = async <Row extends pg.QueryResultRow>(sql: string, id: SessionId): Promise<Row> => {
      const [row] = (await pool.query<Row>(sql, [id])).rows;
      if (!row) throw new Error(`There is no row ${id}`);
      return row;
    };
    const running = (): DemoApp => {
      if (!app) throw new Error('The app is not running');
      return app;
    };
    return {
      whatsapp,
      token,
      databaseUrl: postgres.url(),
      app: running,
      async startApp() {
        app = await startApp(whatsapp, environment, onLog);
      },
      row: (id) => one('SELECT status::text, "qrCode" FROM "WhatsAppSession" WHERE id = $1', id),
      effective: (id) =>
        one(
          `SELECT (extract(epoch FROM clock_timestamp() - r.beat_at) * 1000)::float8 AS "renewedAgoMs", s.status, s.evidence
          FROM wa_sync.session_status s LEFT JOIN wa_sync.replica r ON r.incarnation = s.owner WHERE s.id = $1`,
          id,
        ),
      own: (id) => one('SELECT status, reason_code AS reason FROM wa_sync.session WHERE id = $1', id),
      async edit(id, status) {
        await pool.query('UPDATE "WhatsAppSession" SET status = $2::"WhatsAppSessionStatus" WHERE id = $1', [
          id,
          status,
        ]);
      },
      session: (id) => whatsapp.session(PHONES[id]),
      truth: (id) =>
        whatsapp.sessions().some((one) => one.phone === PHONES[id] && one.connected) ? 'connected' : 'not connected',
      async post(path) {
        const response = await fetch(`${running().url}/whatsapp/${path}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}` },
        });
        if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
        return response.json();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
