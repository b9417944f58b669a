import { checkSchemaName } from '../driver/config.js';
import { checkPool } from '../driver/judge-pool.js';
import type { PgPoolLike } from '../driver/pg-pool.js';
import { createStatementRunner, statement } from '../driver/run-statement.js';
import { quoteIdentifier } from '../driver/sql-text.js';

/** A process that has, or had, a lease. */
export interface ReplicaState {
  readonly incarnation: string;
  readonly replicaId: string;
  /** Whether its lease stands. */
  readonly alive: boolean;
  /** Store time since it took its lease. */
  readonly heldForMs: number;
  /** Store time since its last renewal. */
  readonly silentForMs: number;
  readonly ttlMs: number;
  /** It suspects its own network, so nothing destructive happens to its sessions. */
  readonly massOutage: boolean;
  /** It lives and cannot write what it knows, so readers are told that its rows are expired. */
  readonly stuck: boolean;
  /** Sessions that it holds. */
  readonly sessions: number;
}

/**
 * Returns which processes hold leases, and what time the database has; changes nothing. The schema has to be there:
 * ask `planMigrations` first.
 *
 * @throws WaSyncError `store_unreachable`, `store_rights`, `store_failed`, `config_invalid`
 * @example
 * const { replicas } = await readReplicas({ pool });
 */
export async function readReplicas(options: {
  pool: PgPoolLike;
  schema?: string | undefined;
}): Promise<{ storeNow: Date; replicas: readonly ReplicaState[] }> {
  const schema = quoteIdentifier(checkSchemaName(options.schema ?? 'wa_sync'));
  const runner = createStatementRunner({
    pool: checkPool(options.pool),
    prepare: false,
    limits: { statementMs: 8_000, lockMs: 1_000 },
  });
  const question = statement(`
    SELECT json_build_object('storeNow', n.at, 'replicas', coalesce((
      SELECT json_agg(json_build_object(
        'incarnation', r.incarnation, 'replicaId', r.replica_id, 'ttlMs', r.ttl_ms, 'massOutage', r.mass_outage,
        'stuck', r.stuck,
        'alive', r.fenced_at IS NULL AND n.at <= r.beat_at + r.ttl_ms * interval '1 millisecond',
        'heldForMs', round(extract(epoch FROM n.at - r.started_at) * 1000),
        'silentForMs', round(extract(epoch FROM n.at - r.beat_at) * 1000),
        'sessions', (SELECT count(*) FROM ${schema}.session s WHERE s.owner = r.incarnation)
      ) ORDER BY r.replica_id, r.started_at) FROM ${schema}.replica r), '[]'))::text AS answer
    FROM (SELECT clock_timestamp() AS at) n`);
  try {
    const answer = await runner.json<{ storeNow: string; replicas: readonly ReplicaState[] }>(question, []);
    return { storeNow: new Date(answer.storeNow), replicas: answer.replicas };
  } catch (error) {
    throw runner.translate(error);
  }
}
