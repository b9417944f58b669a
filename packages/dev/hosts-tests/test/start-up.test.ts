import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type FakeWhatsApp, startFakeWhatsApp } from '../../../fake-whatsapp/src/index.js';
import { useDatabase } from '../../../postgres/test/use-database.js';
import { startRedis } from '../../../redis/test/start-redis.js';
import { root } from '../../docs-checks/test/read-docs.js';
import { PAGES } from '../../docs-checks/test/start-up/pages.js';
import { PAGE_WITHIN_MS, runPage } from '../../docs-checks/test/start-up/run-page.js';

let whatsapp: FakeWhatsApp;
let redis: Awaited<ReturnType<typeof startRedis>>;
beforeAll(async () => {
  await mkdir(join(root, 'packages/dev/docs-checks/dist'), { recursive: true });
  [whatsapp, redis] = await Promise.all([
    startFakeWhatsApp({ preKeys: 'plenty' }),
    startRedis(['--appendonly', 'yes']),
  ]);
});
afterAll(async () => {
  await whatsapp?.close();
  await redis?.stop();
});

describe('a page that starts wa-sync', () => {
  const postgres = useDatabase();
  it.each(PAGES)(
    '$page, $blocks: a true row, at the first start and the second, as two processes at once',
    { timeout: PAGE_WITHIN_MS },
    async (run) => {
      const client = redis.connect();
      await client.flushdb();
      const { database } = postgres;
      await runPage(run, { whatsapp, database, redis: { url: redis.url, client } });
    },
  );
});
