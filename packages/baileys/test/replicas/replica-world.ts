import { type FaultProxy, startFaultProxy } from '@wa-sync/dev/faults';
import type { FakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { createPostgresStore } from '@wa-sync/postgres';
import type { TestServer } from '../../../postgres/test/start-postgres.js';
import { createBaileysAuthState } from '../../src/index.js';
import { type Replica, type ReplicaSettings, startReplica } from './start-replica.js';

/** Shorter than the defaults by ten, in the same proportions. */
export const TTL_MS = 4_000;
export const TICK_MS = 500;

/** A change of a session's row, as a trigger saw it. */
export interface Change {
  readonly id: string;
  readonly owner: string | null;
  readonly tenure: string | null;
  readonly status: string;
  readonly evidence: string;
  readonly reason: string | null;
}

/** The row, effective as a reader sees it. */
export interface Row {
  readonly status: string;
  readonly evidence: string;
  readonly owner: string | null;
  readonly reason: string | null;
}

/**
 * A database, sessions that were linked before, and processes that run them. Rows are read by SQL, truth is the
 * server's.
 */
export async function createReplicaWorld(params: {
  postgres: TestServer;
  whatsapp: FakeWhatsApp;
  phones: readonly string[];
}) {
  const { postgres, whatsapp, phones } = params;
  const database = await postgres.createDatabase();
  const { pool } = database;
  const store = createPostgresStore({ pool });
  await store.init();
  await pool.query(`
    CREATE TABLE change (no bigserial, id text, owner text, tenure text, status text, evidence text, reason text);
    CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO change (id, owner, tenure, status, evidence, reason)
        VALUES (NEW.id, NEW.owner, NEW.tenure, NEW.status, NEW.evidence, NEW.reason_code);
      RETURN NEW;
    END $$;
    CREATE TRIGGER note_change AFTER UPDATE ON wa_sync.session FOR EACH ROW EXECUTE FUNCTION note_change();`);
  const started: Replica[] = [];
  const proxies: FaultProxy[] = [];
  const ids = phones.map((_, n) => `s${n}`);

  await store.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'stopped' as const })) });
  for (const [n, phone] of phones.entries()) {
    const { state, saveCreds } = await createBaileysAuthState({ store: store.auth, sessionId: `s${n}` });
    Object.assign(state.creds, whatsapp.createCredentials({ phone }));
    await saveCreds();
  }

  const { host, port, user, password } = pool.options as Required<
    Pick<typeof pool.options, 'host' | 'port' | 'user' | 'password'>
  >;

  return {
    ids,
    pool,
    store,
    async start(
      replicaId: string,
      options: { sessions?: readonly string[]; proxy?: FaultProxy } & Partial<ReplicaSettings> = {},
    ): Promise<Replica> {
      const { sessions = [], proxy, ...rest } = options;
      const replica = await startReplica({
        replicaId,
        url: whatsapp.url,
        trust: whatsapp.trust,
        database: { host, port: proxy?.port ?? port, user, password, database: database.name },
        sessions,
        wa: {
          lease: { ttlMs: TTL_MS, tickMs: TICK_MS },
          probe: { timeoutMs: 500, silenceMs: 2_000 },
          jobs: { sync: '* * * * * *', cleanup: false, inactivity: false },
        },
        provider: { loginJitterMs: 30, backoff: { baseMs: 50, maxMs: 500 } },
        ...rest,
      });
      started.push(replica);
      return replica;
    },
    async startProxy(): Promise<FaultProxy> {
      const proxy = await startFaultProxy({ port });
      proxies.push(proxy);
      return proxy;
    },
    session: (id: string) => whatsapp.session(phones[ids.indexOf(id)] ?? ''),
    async row(id: string): Promise<Row> {
      const { rows } = await pool.query<Row>(
        'SELECT v.status, v.evidence, s.owner, s.reason_code AS reason FROM wa_sync.session_status v JOIN wa_sync.session s USING (id) WHERE id = $1',
        [id],
      );
      return rows[0] as Row;
    },
    async changes(id: string): Promise<Change[]> {
      const { rows } = await pool.query<Change>('SELECT * FROM change WHERE id = $1 ORDER BY no', [id]);
      return rows;
    },
    /** Waits until a row, and the server, say that it is connected under an owner that fits. */
    async until(what: string, holds: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
      const startedMs = performance.now();
      while (!(await holds())) {
        if (performance.now() - startedMs > withinMs) {
          const rows = await pool.query(
            'SELECT id, status, evidence, owner, reason_code FROM wa_sync.session ORDER BY id',
          );
          throw new Error(`Not within ${withinMs} ms: ${what}; ${JSON.stringify(rows.rows)}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async stop(): Promise<void> {
      await Promise.all(
        started.map((replica) => {
          replica.signal('SIGCONT');
          return replica.end('SIGKILL');
        }),
      );
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await store.close();
      await database.drop();
    },
  };
}

export type ReplicaWorld = Awaited<ReturnType<typeof createReplicaWorld>>;
