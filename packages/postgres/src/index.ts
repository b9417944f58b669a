export type { AuthKeyRing } from '@wa-sync/core/adapter';
export type { ConversationsMirror, PostgresStoreOptions, SessionsMirror } from './config.js';
export { createPostgresStore, type PostgresStore } from './create-postgres-store.js';
export type { MirrorFinding } from './judge-columns.js';
export { MIGRATIONS, type Migration, migrationSql } from './migrations.js';
export type { PgClientLike, PgPoolLike, PgQueryConfig, PgRows } from './pg-pool.js';
export { evolutionInstance, prismaConversation, prismaWhatsAppSession, whaticketWhatsapps } from './presets.js';
export { type ReplicaState, readReplicas } from './read-replicas.js';
export { type MigrationPlan, planMigrations } from './run-migrations.js';
