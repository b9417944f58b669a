// An app as the guide shows it: what closes, and in which order. It prints its address, and at its end what the row
// says.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMemoryStore, createWaSync, silentLogger, systemClock } from '@wa-sync/core';
import { createScriptedConnection } from '@wa-sync/testing';
import { createHttpHandler, toNodeHandler } from '../src/index.js';

const store = createMemoryStore();
const wa = createWaSync({ store, currentSession: 'sales', logger: silentLogger });
await wa.start();
await wa.sessions.create({ id: 'sales' });
await wa.attach(createScriptedConnection({ sessionId: 'sales', clock: systemClock })).ready;
const server = createServer(toNodeHandler(createHttpHandler(wa, { auth: 'none' })));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/whatsapp`));

process.once('SIGTERM', async () => {
  await wa.stop();
  server.close();
  const [row] = await store.sessions.get({ ids: ['sales'] });
  console.log(row?.status);
  await store.close();
});
