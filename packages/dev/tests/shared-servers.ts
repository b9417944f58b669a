import { startPostgres } from '@wa-sync/dev/servers/postgres';
import { startRedis } from '@wa-sync/dev/servers/redis';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the superuser, on the server that all files of the project `servers` share. */
    readonly postgresUrl: string;
    readonly redisUrl: string;
  }
  interface TaskMeta {
    /** Why a test is excused, such as by an ability that a store says it lacks; `npm test` lists them at its end. */
    leftOut?: string;
  }
}

/**
 * One Postgres and one Redis for the project `servers`: each file makes databases of its own there, or keys under a
 * prefix of its own. TEST_POSTGRES_URL and TEST_REDIS_URL name others.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // A test that reads plans or counts rows says itself when a table is analysed.
  const flags = ['-c', 'fsync=off', '-c', 'autovacuum=off', '-c', 'max_connections=200'];
  const [postgres, redis] = await Promise.all([startPostgres(flags), startRedis()]);
  project.provide('postgresUrl', postgres.url());
  project.provide('redisUrl', redis.url);
  return async () => {
    await Promise.all([postgres.stop(), redis.stop()]);
  };
}
