// The Postgres and the WhatsApp of a launcher, in a process of their own and outside of its process group: Ctrl+C goes to all of
// a group at once, and would end the database before the app has written its last rows.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { startPostgres } from '../servers/start-postgres.js';
import { playPhones } from './play-phones.js';
import type { ServersOrder, ServersReport } from './start-servers.js';

const APP_WITHIN_MS = 10_000;

const report = (message: ServersReport) => process.connected && process.send?.(message);
// From here on: a launcher may die while the servers start.
const left = process.connected ? once(process, 'disconnect') : Promise.resolve();
let app: number | null = null;
const ended = new Promise<void>((resolve) => {
  process.on('message', (order: ServersOrder) => {
    if (order === 'end') resolve();
    else app = order.app;
  });
});

try {
  const [postgres, whatsapp] = await Promise.all([startPostgres(), startFakeWhatsApp({ preKeys: 'plenty' })]);
  const phones = playPhones({ databaseUrl: postgres.url(), whatsapp });
  report({ databaseUrl: postgres.url(), fake: { url: whatsapp.url, trust: whatsapp.trust } });
  await Promise.race([ended, left.then(endApp)]);
  await phones.stop();
  await whatsapp.close();
  await postgres.stop();
  process.exit(0);
} catch (error) {
  report({ failure: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
  process.disconnect?.();
}

/** The launcher was killed: nobody else ends the app that it started. */
async function endApp(): Promise<void> {
  if (app === null || !signal(app, 'SIGTERM')) return;
  for (const untilMs = performance.now() + APP_WITHIN_MS; performance.now() < untilMs; await pause(50)) {
    if (!signal(app, 0)) return;
  }
  signal(app, 'SIGKILL');
}

/** Whether the process is there. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
