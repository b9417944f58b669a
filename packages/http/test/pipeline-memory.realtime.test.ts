import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createMemoryStore, createWaSync, silentLogger } from '@wa-sync/core';
import { expect, it } from 'vitest';
import { createHttpHandler, toNodeHandler } from '../src/index.js';
import { listen } from './listen.js';

const client = fileURLToPath(new URL('flood-client.mjs', import.meta.url));
const MEGABYTE = 1_000_000;

it('a flood without a pause keeps nothing of the requests that it was answered', { timeout: 60_000 }, async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const jobs = { sync: false, cleanup: false, inactivity: false } as const;
  const wa = createWaSync({ store: createMemoryStore(), logger: silentLogger, jobs });
  await wa.start();
  const auth = () => ({ role: 'viewer', sessionIds: 'all' }) as const;
  const server = await listen(toNodeHandler(createHttpHandler(wa, { auth })));
  gc();
  const before = process.memoryUsage().heapUsed;
  const flood = { path: '/whatsapp/health/live', sockets: 20, seconds: 3, ports: [server.port] };
  const { stdout } = await promisify(execFile)(process.execPath, [client, JSON.stringify(flood)]);
  gc();
  const grown = process.memoryUsage().heapUsed - before;
  await server.close();
  await wa.stop();
  const answered = JSON.parse(stdout)['200'];
  expect(answered).toBeGreaterThan(3_000);
  // A request that waits takes some 3 kB, and a chunk of each socket holds up to 2,000 of them.
  expect(grown, `${answered} answers, ${Math.round(grown / MEGABYTE)} MB more`).toBeLessThan(60 * MEGABYTE);
});
