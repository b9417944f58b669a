/**
 * The process under load: two Express apps on loopback, one with a bare route, one with the router of wa-sync over
 * 5,000 open sessions.
 */
import type { AddressInfo } from 'node:net';
import { createMemoryStore, createWaSync, systemClock } from '@wa-sync/core';
import { createWaSyncRouter } from '@wa-sync/express';
import { createScriptedConnection } from '@wa-sync/testing';
import express, { type Express } from 'express';

const SESSIONS = 5_000;
const TOKEN = 'a-token-for-the-bench-0123456789';

const wa = createWaSync({ store: createMemoryStore(), jobs: { sync: false, cleanup: false, inactivity: false } });
await wa.start();
for (let at = 0; at < SESSIONS; at += 1) {
  const sessionId = `session-${at}`;
  await wa.sessions.create({ id: sessionId });
  await wa.attach(createScriptedConnection({ sessionId, clock: systemClock })).ready;
}
await wa.syncNow();

const bare = express();
bare.get('/status', (_request, response) => {
  response.json({ connected: true, timestamp: '2026-01-01T00:00:00.000Z' });
});
const mounted = express();
mounted.use('/whatsapp', createWaSyncRouter(wa, { auth: { tokens: [TOKEN] } }));

const ask = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\n${more}\r\n`;
process.on('message', (what) => {
  if (what === 'cpu') process.send?.({ cpuMs: cpuMs() });
});
process.on('disconnect', () => process.exit());
process.send?.({
  bare: { port: await portOf(bare), request: ask('/status') },
  ours: {
    port: await portOf(mounted),
    request: ask(`/whatsapp/status?sessionId=session-${SESSIONS - 1}`, `authorization: Bearer ${TOKEN}\r\n`),
  },
});

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function portOf(app: Express): Promise<number> {
  return new Promise((resolve) => {
    const server = app.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
