import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '@wa-sync/core';
import * as baileys from '@whiskeysockets/baileys';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { BaileysModuleLike } from '../src/index.js';
import { endNow } from './end-later.js';
import { countingClock, startProvider, startServer, until, untilStatus } from './kit.js';

const ROUNDS = 10;
/** Each is a real one; `WA_SYNC_CLOSES=1000` makes as many. */
const CLOSES = Number(process.env.WA_SYNC_CLOSES ?? 50);

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

// What is left open by one test is counted in the next.
afterEach(endNow);

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

  it(`F08: ${CLOSES} closes on one session: one socket and one timer at most, a flat heap, and no handle left`, {
    timeout: 120_000 + CLOSES * 1_000,
  }, async () => {
    const server = await startServer();
    const carried = fieldsOfAPromise();
    const time = countingClock();
    const sockets = countingBaileys();
    const host = await startProvider(server, {
      clock: time.clock,
      baileys: sockets.module,
      backoff: { baseMs: 1, maxMs: 2 },
    });
    const session = await host.addSession('a', '5511911110001');
    const connection = host.open(session);
    let mostBetween = 0;
    // Nothing but the pause before the next socket, or the wait for its place, may run while there is none.
    const stop = connection.onChange(() => {
      if (sockets.alive() === 0) mostBetween = Math.max(mostBetween, time.running());
    });
    const heaps: number[] = [];
    let ways = 0;
    for (let round = 0; round < ROUNDS; round++) {
      for (let close = 0; close < CLOSES / ROUNDS; close++) {
        await untilStatus(connection, 'CONNECTED');
        const link = server.session(session.jid);
        const way = [() => link.rst(), () => link.fin(), () => link.streamError(515), () => link.streamError(503)];
        way[ways++ % way.length]?.();
        for (let n = 0; n < 20; n++) void connection.heal({ reason: 'silent' });
        await until(connection, (seen) => seen.kind === 'known' && seen.status !== 'CONNECTED', 'the close');
      }
      await untilStatus(connection, 'CONNECTED');
      heaps.push(await heapAfterGc());
    }
    expect(sockets.opened()).toBe(CLOSES + 1);
    expect(sockets.most()).toBe(1);
    expect(mostBetween).toBeLessThanOrEqual(1);
    expect(fieldsOfAPromise()).toBe(carried);
    const bytesPerClose = slopeOf(heaps.slice(2)) / (CLOSES / ROUNDS);
    console.log(`${CLOSES} closes: the heap grows by ${Math.round(bytesPerClose)} bytes a close`);
    // A socket that is kept, for a query of its own or by a listener, is 180 to 500 KB; the fake server in this
    // process remembers each login.
    expect(bytesPerClose).toBeLessThan(CLOSES >= 1_000 ? 4_000 : 40_000);
    stop();
    await connection.close({ reason: 'shutdown' });
    expect(time.running()).toBe(0);
    expect(sockets.alive()).toBe(0);
    // The fake server listens on.
    await vi.waitFor(async () => expect(await countHandles()).toEqual({ TCPServerWrap: 1 }), { timeout: 10_000 });
  });
});

/**
 * Where Node is older than 24 each promise carries one for every `AsyncLocalStorage` that was used and not disabled.
 */
function fieldsOfAPromise(): number {
  return Object.getOwnPropertySymbols(new Promise(() => {})).filter((symbol) =>
    String(symbol).includes('kResourceStore'),
  ).length;
}

/** What keeps this process busy, by kind. */
async function countHandles(): Promise<Record<string, number>> {
  await systemClock.yield();
  const counts: Record<string, number> = {};
  // Timers are counted by the clock; those of the test runner come and go.
  for (const kind of process.getActiveResourcesInfo()) {
    if (!/Timeout|Immediate|FSReq|Pipe|MessagePort/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** By which each value is greater than the one before: the slope of the line of least squares. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let above = 0;
  let below = 0;
  for (const [n, value] of values.entries()) {
    above += (n - middle) * (value - mean);
    below += (n - middle) ** 2;
  }
  return above / below;
}

async function heapAfterGc(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) {
    await systemClock.yield();
    gc();
  }
  return process.memoryUsage().heapUsed;
}
