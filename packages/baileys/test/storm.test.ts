import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '@wa-sync/core';
import * as baileys from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import type { BaileysModuleLike } from '../src/index.js';
import { countingClock, startProvider, startServer, until, untilStatus } from './kit.js';

/** Real Baileys, and how many of its sockets have not closed. */
function countingBaileys() {
  let alive = 0;
  let most = 0;
  let opened = 0;
  const module: BaileysModuleLike = {
    ...baileys,
    makeWASocket(config: object) {
      alive += 1;
      opened += 1;
      most = Math.max(most, alive);
      const socket = baileys.makeWASocket(config as baileys.UserFacingSocketConfig);
      socket.ev.on('connection.update', ({ connection }) => {
        if (connection === 'close') alive -= 1;
      });
      return socket;
    },
  };
  return { module, alive: () => alive, most: () => most, opened: () => opened };
}

describe('many closes', () => {
  it('F08: 1,000 closes at once leave one timer and no socket, then one socket', async () => {
    const server = await startServer();
    const time = countingClock();
    const sockets = countingBaileys();
    const host = await startProvider(server, {
      clock: time.clock,
      baileys: sockets.module,
      backoff: { baseMs: 400, maxMs: 400 },
    });
    const session = await host.addSession('a', '5511911110001');
    const connection = host.open(session);
    await untilStatus(connection, 'CONNECTED');
    const healed = Array.from({ length: 1_000 }, () => connection.heal({ reason: 'silent' }));
    server.session(session.jid).rst();
    await Promise.all(healed);
    await until(
      connection,
      (seen) => seen.kind === 'known' && seen.reconnectAttempt === 1,
      'the decision about the next attempt',
    );
    expect(time.running()).toBe(1);
    expect(sockets.alive()).toBe(0);
    await untilStatus(connection, 'CONNECTED');
    expect(sockets.opened()).toBe(2);
    expect(sockets.most()).toBe(1);
    expect(server.connected()).toEqual([session.jid]);
    await connection.close({ reason: 'shutdown' });
    expect(time.running()).toBe(0);
    expect(sockets.alive()).toBe(0);
  });

  it('F08: reconnects again and again with one socket at a time and a flat heap', { timeout: 120_000 }, async () => {
    const server = await startServer();
    const time = countingClock();
    const sockets = countingBaileys();
    const host = await startProvider(server, {
      clock: time.clock,
      baileys: sockets.module,
      backoff: { baseMs: 1, maxMs: 2 },
    });
    const session = await host.addSession('a', '5511911110001');
    const connection = host.open(session);
    const heaps: number[] = [];
    let ways = 0;
    for (let round = 0; round < 10; round++) {
      for (let close = 0; close < 5; close++) {
        await untilStatus(connection, 'CONNECTED');
        const link = server.session(session.jid);
        const way = [() => link.rst(), () => link.fin(), () => link.streamError(515), () => link.streamError(503)];
        way[ways++ % way.length]?.();
        for (let n = 0; n < 20; n++) void connection.heal({ reason: 'silent' });
        await until(connection, (seen) => seen.kind === 'known' && seen.status !== 'CONNECTED', 'the close');
      }
      heaps.push(await heapAfterGc());
    }
    await untilStatus(connection, 'CONNECTED');
    expect(sockets.opened()).toBe(51);
    expect(sockets.most()).toBe(1);
    // The first rounds still compile and fill caches. A socket kept for a query of its own is 500 KB: 35 of them are 17 MB.
    const grown = (heaps.at(-1) ?? 0) - (heaps[2] ?? 0);
    expect(grown).toBeLessThan(5_000_000);
    await connection.close({ reason: 'shutdown' });
    expect(time.running()).toBe(0);
  });
});

async function heapAfterGc(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) {
    await systemClock.yield();
    gc();
  }
  return process.memoryUsage().heapUsed;
}
