import { readFileSync } from 'node:fs';
import {
  createPostgresStore,
  evolutionInstance,
  type MigrationPlan,
  type PostgresStore,
  planMigrations,
  prismaWhatsAppSession,
  type SessionsMirror,
  whaticketWhatsapps,
} from '@wa-sync/postgres';
import pg from 'pg';
import { CliError } from './cli-error.js';
import type { Target } from './read-target.js';
import { type SessionSource, viewOf } from './session-view.js';

const CONNECT_WITHIN_MS = 5_000;

const PRESETS: Readonly<Record<string, () => SessionsMirror>> = {
  prisma: () => prismaWhatsAppSession(),
  whaticket: () => whaticketWhatsapps(),
  evolution: () => evolutionInstance(),
};

/** A database while a command works on it. */
export interface Database {
  readonly store: PostgresStore;
  readonly hasMirror: boolean;
  plan(): Promise<MigrationPlan>;
  /** Sessions, where the schema is up to date: reading must never migrate by the way. */
  sessions(): Promise<SessionSource>;
  close(): Promise<void>;
}

export function openDatabase(target: Extract<Target, { kind: 'database' }>): Database {
  const { databaseUrl, schema } = target;
  const mirror = target.mirror === undefined ? undefined : readMirror(target.mirror);
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 2,
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    application_name: 'wa-sync',
  });
  const store = createPostgresStore({ pool, schema, mirror: { sessions: mirror } });
  const plan = () => planMigrations({ pool, schema });

  return {
    store,
    hasMirror: mirror !== undefined,
    plan,
    async sessions() {
      const { current, latest, pending } = await plan();
      if (pending.length > 0) {
        const has = current === 0 ? 'is not there yet' : `is at version ${current} of ${latest}`;
        throw new CliError('schema_pending', `The schema ${schema ?? 'wa_sync'} ${has}`);
      }
      return {
        async list({ after, limit }) {
          const rows = await store.sessions.list({ after, limit });
          return { sessions: rows.map(viewOf), next: rows.length === limit ? (rows.at(-1)?.id ?? null) : null };
        },
        async get(id) {
          const [row] = await store.sessions.get({ ids: [id] });
          return row ? viewOf(row) : null;
        },
      };
    },
    async close() {
      await store.close();
      await pool.end();
    },
  };
}

/** A preset by its name, or a mapping from a JSON file; what is in it, the store checks. */
function readMirror(mirror: string): SessionsMirror {
  const preset = Object.hasOwn(PRESETS, mirror) ? PRESETS[mirror] : undefined;
  if (preset) return preset();
  try {
    return JSON.parse(readFileSync(mirror, 'utf8')) as SessionsMirror;
  } catch {
    const names = Object.keys(PRESETS).join(', ');
    throw new CliError('usage', `--mirror takes ${names}, or a JSON file with { table, columns, status }`);
  }
}
