// What `@wa-sync/postgres` does on PGlite: played by `npm run test:hosts -- pglite`.
import { PGlite } from '@electric-sql/pglite';
import { change, holdSessions, joinReplica, writeOf } from '@wa-sync/dev/fixtures/hold-sessions';
import { describeWholeStore } from '@wa-sync/testing/conformance';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPostgresStore, prismaWhatsAppSession } from '../src/index.js';
import { PRISMA_TABLES } from './host-table.js';
import {
  deleteHeartbeat,
  emptyStore,
  type PostgresHarness,
  passStoreTime,
  shiftButLastSeen,
  shiftStoreTime,
} from './store-harness.js';

let lite: PGlite;

beforeAll(async () => {
  lite = await PGlite.create();
  await createPostgresStore({ pool: lite }).init();
});
afterAll(() => lite.close());

// An instance takes seconds to start, so the tests share one and empty it.
async function createWith(advance: typeof shiftStoreTime): Promise<PostgresHarness> {
  await emptyStore(lite);
  return {
    store: createPostgresStore({ pool: lite }),
    advance: (ms) => advance(lite, ms),
    deleteHeartbeat: (incarnation) => deleteHeartbeat(lite, incarnation),
    another: async () => createPostgresStore({ pool: lite }),
    close: async () => {},
  };
}

describeWholeStore({
  name: 'pglite',
  runner: { describe, it },
  capabilities: { durable: true, shared: true, mirror: false },
  create: () => createWith(shiftStoreTime),
  createForImports: () => createWith(shiftButLastSeen),
  createForJobs: () => createWith(passStoreTime),
});

describe('pglite', () => {
  it('keeps a mirror', async () => {
    await lite.exec(PRISMA_TABLES);
    await emptyStore(lite);
    await lite.query(
      `INSERT INTO "WhatsAppSession" ("id", "companyId", "sessionName", "updatedAt") VALUES ('a', 'acme', 'A', now())`,
    );
    const store = createPostgresStore({ pool: lite, mirror: { sessions: prismaWhatsAppSession() } });
    const owner = await joinReplica(store);
    const [held] = await holdSessions(store, owner, ['a']);
    await store.sessions.write({ owner, writes: [writeOf(held!, change({ status: 'REPLACED' }))] });
    const { rows } = await lite.query('SELECT "status"::text FROM "WhatsAppSession"');
    expect(rows).toEqual([{ status: 'ERROR' }]);
  });
});
