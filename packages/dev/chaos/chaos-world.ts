import { createBaileysAuthState } from '@wa-sync/baileys';
import { type LocalPostgres, startPostgres } from '@wa-sync/dev/servers/postgres';
import { type FakeWhatsApp, startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { createPostgresStore } from '@wa-sync/postgres';
import pg from 'pg';
import { installAudit, type RawChange, type RawRow, readChanges } from './audit.js';
import { bundleReplica } from './start-replica.js';

/** A database, a WhatsApp and numbers that are linked at it; no process of the app yet. */
export interface ChaosWorld {
  readonly database: LocalPostgres;
  readonly whatsapp: FakeWhatsApp;
  /** What each process of the app runs. */
  readonly program: string;
  /** Session ids and their numbers. */
  readonly phones: ReadonlyMap<string, string>;
  /** The session of a number. */
  sessionOf(phone: string): string;
  /** All rows as they stand, read by SQL. */
  rows(): Promise<RawRow[]>;
  row(id: string): Promise<RawRow | null>;
  /** What the view for readers says of each. */
  shown(): Promise<Map<string, Pick<RawRow, 'status' | 'evidence'>>>;
  /** Everything that was ever committed to them. */
  changes(): Promise<RawChange[]>;
  /** The judge's own connection to the database. */
  readonly pool: pg.Pool;
  stop(): Promise<void>;
}

/** Starts one with so many sessions, each linked earlier. */
export async function startWorld(sessions: number): Promise<ChaosWorld> {
  const started: { stop(): Promise<unknown> }[] = [];
  const stop = async () => {
    for (const part of started.splice(0).reverse()) await part.stop();
  };
  try {
    const program = await bundleReplica();
    const database = await startPostgres(['-c', 'max_connections=200', '-c', 'fsync=off']);
    started.push(database);
    const whatsapp = await startFakeWhatsApp({ preKeys: 'plenty' });
    started.push({ stop: () => whatsapp.close() });
    const pool = new pg.Pool({ connectionString: database.url(), max: 4, application_name: 'judge' });
    pool.on('error', () => {});
    started.push({ stop: () => pool.end() });
    const phones = await linkNumbers(pool, whatsapp, sessions);
    const sessionIds = new Map([...phones].map(([id, phone]) => [phone, id]));
    await installAudit(pool);
    return {
      database,
      whatsapp,
      program,
      phones,
      pool,
      sessionOf(phone) {
        const id = sessionIds.get(phone);
        if (id === undefined) throw new Error(`Nobody has the number ${phone}`);
        return id;
      },
      rows: async () => (await pool.query<RawRow>('SELECT * FROM wa_sync.session ORDER BY id')).rows,
      row: async (id) =>
        (await pool.query<RawRow>('SELECT * FROM wa_sync.session WHERE id = $1', [id])).rows[0] ?? null,
      async shown() {
        const { rows } = await pool.query<Pick<RawRow, 'id' | 'status' | 'evidence'>>(
          'SELECT id, status, evidence FROM wa_sync.session_status',
        );
        return new Map(rows.map((row) => [row.id, row]));
      },
      changes: () => readChanges(pool, 0),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function linkNumbers(pool: pg.Pool, whatsapp: FakeWhatsApp, count: number): Promise<Map<string, string>> {
  const phones = new Map(
    Array.from({ length: count }, (_, n) => [
      `session-${String(n + 1).padStart(3, '0')}`,
      `55119${String(10_000_000 + n)}`,
    ]),
  );
  const store = createPostgresStore({ pool });
  await store.init();
  await store.sessions.create({ sessions: [...phones.keys()].map((id) => ({ id, desired: 'running' })) });
  // One by one: making keys takes the processor, and a statement that waits behind hundreds of them would be given up.
  for (const [id, phone] of phones) {
    const { state, saveCreds } = await createBaileysAuthState({ store: store.auth, sessionId: id });
    Object.assign(state.creds, whatsapp.createCredentials({ phone }));
    await saveCreds();
  }
  await store.close();
  return phones;
}
