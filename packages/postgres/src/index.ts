export type { AuthKeyRing } from '@wa-sync/core/adapter';
export { createPostgresStore, type PostgresStore } from './create-postgres-store.js';
export type { ConversationsMirror, PostgresStoreOptions, SessionsMirror } from './driver/config.js';
export type { PgClientLike, PgPoolLike, PgQueryConfig, PgRows } from './driver/pg-pool.js';
export type { RowsWhere, WhereValue } from './driver/rows-where.js';
export type { MirrorFinding } from './host-table/judge-columns.js';
export {
  evolutionInstance,
  prismaConversation,
  prismaWhatsAppSession,
  whaticketTickets,
  whaticketWhatsapps,
} from './host-table/presets.js';
export { type Migration, migrationSql } from './migrations/migrations.js';
export { type MigrationPlan, planMigrations } from './migrations/run-migrations.js';
export { type ReplicaState, readReplicas } from './ports/read-replicas.js';
