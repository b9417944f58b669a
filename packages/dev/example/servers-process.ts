// The Postgres and the WhatsApp of a launcher, in a process of their own and outside of its process group: Ctrl+C goes
// to all of a group at once, and would end the database before the app has written its last rows.
import { once } from 'node:events';
import { startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { startPostgres } from '../servers/start-postgres.js';
import { playPhones } from './play-phones.js';
import type { ServersReport } from './start-servers.js';

const report = (message: ServersReport) => process.connected && process.send?.(message);
// The channel closes with the launcher, whatever ends it; it may be killed while the servers still start.
const left = process.connected ? once(process, 'disconnect') : Promise.resolve();

try {
  const [postgres, whatsapp] = await Promise.all([startPostgres(), startFakeWhatsApp({ preKeys: 'plenty' })]);
  const phones = playPhones({ databaseUrl: postgres.url(), whatsapp });
  report({ databaseUrl: postgres.url(), fake: { url: whatsapp.url, trust: whatsapp.trust } });
  await left;
  await phones.stop();
  await whatsapp.close();
  await postgres.stop();
  process.exit(0);
} catch (error) {
  report({ failure: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
  process.disconnect?.();
}
