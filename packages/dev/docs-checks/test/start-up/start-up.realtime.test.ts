import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type FakeWhatsApp, startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { useDatabase } from '../../../../postgres/test/use-database.js';
import { root } from '../read-docs.js';
import { FIRST_PAGES } from './pages.js';
import { PAGE_WITHIN_MS, runPage } from './run-page.js';

let whatsapp: FakeWhatsApp;
beforeAll(async () => {
  await mkdir(join(root, 'packages/dev/docs-checks/dist'), { recursive: true });
  whatsapp = await startFakeWhatsApp({ preKeys: 'plenty' });
});
afterAll(() => whatsapp?.close());

describe('a page that starts wa-sync', () => {
  const postgres = useDatabase();
  it.each(FIRST_PAGES)(
    '$page ends in a true row, at the first start and the second, as two processes at once',
    { timeout: PAGE_WITHIN_MS },
    async (run) => {
      const { database } = postgres;
      await runPage(run, { whatsapp, database: { url: database.url, pool: database.pool } });
    },
  );
});
