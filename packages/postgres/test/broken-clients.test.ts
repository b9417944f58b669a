import { createServer, type Socket } from 'node:net';
import { isWaSyncError } from '@wa-sync/core';
import { whenEnded } from '@wa-sync/core/adapter';
import pg from 'pg';
import { expect, it } from 'vitest';
import { createPostgresStore } from '../src/index.js';

const message = (type: string, body: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
};
const AUTHENTICATED = message('R', Buffer.alloc(4));
const READY = message('Z', Buffer.from('I'));
const GOES_DOWN = message(
  'E',
  Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0'),
);

/**
 * Wire of a server that goes down right behind its greeting, both in one packet, as a line that was held delivers
 * them.
 */
async function startDyingServer() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.end(Buffer.concat([AUTHENTICATED, READY, GOES_DOWN])));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

// Without a listener the client's `error` event is an uncaught exception, which fails the run.
it('survives a connection that breaks before the pool has handed it over', async () => {
  const server = await startDyingServer();
  const pool = new pg.Pool({ host: '127.0.0.1', port: server.port, user: 'nobody', database: 'none' });
  const store = createPostgresStore({ pool });
  try {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const error: unknown = await store.init().catch((thrown: unknown) => thrown);
      expect(isWaSyncError(error) && error.code).toBe('store_unreachable');
    }
  } finally {
    await store.close();
    await pool.end();
    await server.stop();
  }
});

it('says of a statement that it gave up when the pool has done with it', async () => {
  let handOver: (client: pg.PoolClient) => void = () => {};
  const client = { on() {}, removeListener() {}, release() {}, query: () => Promise.reject(new Error('queried')) };
  const pool = {
    options: { max: 10 },
    query: () => Promise.reject(new Error('queried')),
    connect: () =>
      new Promise<pg.PoolClient>((resolve) => {
        handOver = resolve;
      }),
  };
  const store = createPostgresStore({ pool: pool as unknown as pg.Pool, timeouts: { statementMs: 50 } });
  const error: unknown = await store.sessions.get({ ids: ['a'] }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'store_timeout' });
  let ended = false;
  void whenEnded(error)?.then(() => {
    ended = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(ended).toBe(false);
  handOver(client as unknown as pg.PoolClient);
  await expect.poll(() => ended).toBe(true);
});
