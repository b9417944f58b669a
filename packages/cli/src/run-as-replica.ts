import { randomUUID } from 'node:crypto';
import { createWaSync, type WaSync, type WaSyncOptions } from '@wa-sync/core';
import type { Database } from './open-database.js';

/**
 * Joins the replicas of a database for one job, so that it runs under a lease, once among all of them, and is recorded as theirs are. This one holds no
 * session, and none of its own jobs run by schedule.
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
