import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type ClusterJobName, createWaSync, type WaSync, type WaSyncOptions } from '@wa-sync/core';
import {
  type ConversationsMirror,
  createPostgresStore,
  evolutionInstance,
  type MigrationPlan,
  type PostgresStore,
  planMigrations,
  prismaConversation,
  prismaWhatsAppSession,
  type ReplicaState,
  readReplicas,
  type SessionsMirror,
  whaticketTickets,
  whaticketWhatsapps,
} from '@wa-sync/postgres';
import pg from 'pg';
import { CliError } from '../terminal/cli-error.js';
import type { Target } from './read-target.js';
import { viewOf } from './session-view.js';
import { type Source, viewOfRun, viewOfTransition } from './source.js';

const CONNECT_WITHIN_MS = 5_000;

const SESSIONS: Readonly<Record<string, () => SessionsMirror>> = {
  prisma: () => prismaWhatsAppSession(),
  whaticket: () => whaticketWhatsapps(),
  evolution: () => evolutionInstance(),
};
const CONVERSATIONS: Readonly<Record<string, () => ConversationsMirror>> = {
  prisma: () => prismaConversation(),
  whaticket: () => whaticketTickets(),
};

/** A database while a command works on it. */
export interface Database {
  readonly store: PostgresStore;
  readonly hasMirror: boolean;
  readonly hasSessionsMirror: boolean;
  plan(): Promise<MigrationPlan>;
  /** What commands read, where the schema is up to date: reading must never migrate by the way. */
  source(): Promise<Source>;
  /** Which processes hold leases, and what time the database has. */
  replicas(): Promise<{ readonly storeNow: Date; readonly replicas: readonly ReplicaState[] }>;
  close(): Promise<void>;
}

export function openDatabase(target: Extract<Target, { kind: 'database' }>): Database {
  const { databaseUrl, schema } = target;
  const mirror = {
    sessions: readMapping('--mirror', target.mirror, SESSIONS),
    conversations: readMapping('--conversations', target.conversations, CONVERSATIONS),
  };
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 2,
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    application_name: 'wa-sync',
  });
  // The store listens until it is closed; after that the server may still end a connection, and without a listener that
  // would end the process.
  pool.on('error', () => {});
  const store = createPostgresStore({ pool, schema, mirror });
  const plan = () => planMigrations({ pool, schema });

  return {
    store,
    hasSessionsMirror: mirror.sessions !== undefined,
    hasMirror: mirror.sessions !== undefined || mirror.conversations !== undefined,
    plan,
    replicas: () => readReplicas({ pool, schema }),
    async source() {
      const { current, latest, pending } = await plan();
      if (pending.length > 0) {
        const has = current === 0 ? 'is not there yet' : `is at version ${current} of ${latest}`;
        throw new CliError('schema_pending', `The schema ${schema ?? 'wa_sync'} ${has}`);
      }
      return sourceOf(store);
    },
    async close() {
      await store.close();
      await pool.end();
    },
  };
}

/** What the store itself returns; `next` is the cursor where a page was full. */
function sourceOf({ sessions, jobs, history }: PostgresStore): Source {
  const nextOf = (rows: readonly { readonly id: string }[], limit: number) =>
    rows.length === limit ? (rows.at(-1)?.id ?? null) : null;
  return {
    service: null,
    sessions: {
      async list({ after, limit }) {
        const rows = await sessions.list({ after, limit });
        return { sessions: rows.map(viewOf), next: nextOf(rows, limit) };
      },
      async get(id) {
        const [row] = await sessions.get({ ids: [id] });
        return row ? viewOf(row) : null;
      },
    },
    async listRuns({ job, limit }) {
      const runs = await jobs.list({ job: job as ClusterJobName | undefined, limit });
      return { runs: runs.map(viewOfRun), next: nextOf(runs, limit) };
    },
    async getRun(id) {
      const run = await jobs.get({ runId: id });
      return run && { ...viewOfRun(run) };
    },
    async listHistory({ id, before, limit }) {
      const changes = await history.ofSession({ sessionId: id, before, limit });
      return { transitions: changes.map(viewOfTransition), next: nextOf(changes, limit) };
    },
  };
}

/** A preset by its name, or a mapping from a JSON file; what is in it, the store checks. */
function readMapping<Mapping>(
  option: string,
  value: string | undefined,
  presets: Readonly<Record<string, () => Mapping>>,
): Mapping | undefined {
  if (value === undefined) return undefined;
  const preset = Object.hasOwn(presets, value) ? presets[value] : undefined;
  if (preset) return preset();
  const takes = `${option} takes ${[...Object.keys(presets), 'or a JSON file with { table, columns, … }'].join(', ')}`;
  let text: string;
  try {
    text = readFileSync(value, 'utf8');
  } catch {
    throw new CliError('usage', `${takes}; there is no file ${value}`);
  }
  try {
    return JSON.parse(text) as Mapping;
  } catch {
    throw new CliError('usage', `${takes}; ${value} is not JSON`);
  }
}

/**
 * Joins the replicas of a database for one job, so that it runs under a lease, once among all of them, and is recorded
 * as theirs are. This one holds no session, and none of its own jobs run by schedule.
 */
export async function runAsReplica<Report>(
  database: Database,
  settings: Pick<WaSyncOptions, 'cleanup' | 'inactivity'>,
  work: (wa: WaSync) => Promise<Report>,
): Promise<Report> {
  // A replica that starts migrates, and a command must not do that by the way.
  await database.source();
  const wa = createWaSync({
    store: database.store,
    replicaId: `wa-sync-command-${randomUUID().slice(0, 8)}`,
    jobs: { sync: false, cleanup: false, inactivity: false },
    ...settings,
  });
  await wa.start();
  try {
    return await work(wa);
  } finally {
    await wa.stop();
  }
}
