import { WaSyncError } from '@wa-sync/core';
import { markUnderWay } from '@wa-sync/core/adapter';
import { createManualClock } from '@wa-sync/testing';
import { describe, expect, it } from 'vitest';
import { createHttpHandler, type WaSyncLike } from '../src/index.js';

/** A store that is asked through `list` and counts. */
function open(list: () => Promise<unknown>) {
  const clock = createManualClock();
  let reads = 0;
  let inFlight = 0;
  let most = 0;
  const sessions = {
    async list() {
      reads += 1;
      inFlight += 1;
      most = Math.max(most, inFlight);
      await list().finally(() => {
        inFlight -= 1;
      });
      return { sessions: [], next: null };
    },
  };
  const lines: string[] = [];
  const log = (_: object, line: string) => void lines.push(line);
  const logger = { debug() {}, info() {}, warn: log, error: log };
  const handler = createHttpHandler({ sessions, logger } as unknown as WaSyncLike, { auth: 'none', clock });
  const ask = async () => (await handler(new Request('http://localhost/whatsapp/health/ready'))).status;
  return { clock, ask, lines, reads: () => reads, most: () => most };
}

const many = (ask: () => Promise<number>) => Promise.all(Array.from({ length: 1_000 }, ask));

describe('GET /health/ready', () => {
  it('reads the store once a second at most, however many ask', async () => {
    const { clock, ask, reads } = open(async () => {});
    expect(new Set(await many(ask))).toEqual(new Set([200]));
    expect(new Set(await many(ask))).toEqual(new Set([200]));
    expect(reads()).toBe(1);
    await clock.advance(999);
    await many(ask);
    expect(reads()).toBe(1);
    await clock.advance(1);
    await many(ask);
    expect(reads()).toBe(2);
  });

  it('says that the store is back, and that it is gone, within a second, and logs one line', async () => {
    let down = true;
    const { clock, ask, lines } = open(async () => {
      if (down) throw new WaSyncError('store_unreachable', 'down');
    });
    expect(new Set(await many(ask))).toEqual(new Set([503]));
    down = false;
    await clock.advance(1_000);
    expect(await ask()).toBe(200);
    down = true;
    await clock.advance(1_000);
    expect(await ask()).toBe(503);
    expect(lines).toHaveLength(1);
  });

  it('never has two readings in flight: one that hangs is answered with 503 after 2 s, and at once from then on', async () => {
    let settle = () => {};
    const hung = new Promise<void>((resolve) => {
      settle = resolve;
    });
    let hangs = true;
    const { clock, ask, reads, most } = open(async () => {
      if (hangs) await hung;
    });
    const first = many(ask);
    await clock.settle();
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(2_000);
    expect(new Set(await first)).toEqual(new Set([503]));
    for (let second = 0; second < 10; second += 1) {
      await clock.advance(1_000);
      expect(new Set(await many(ask))).toEqual(new Set([503]));
    }
    // The timer is that of the log.
    expect([reads(), clock.pendingTimers]).toEqual([1, 1]);
    hangs = false;
    settle();
    await clock.settle();
    expect([await ask(), reads(), most()]).toEqual([200, 2, 1]);
  });

  it('begins no reading beside a statement that the store gave up, until that has ended', async () => {
    let settle = () => {};
    const statement = new Promise<void>((ended) => {
      settle = ended;
    });
    let down = true;
    const { clock, ask, reads } = open(async () => {
      if (down) throw markUnderWay(new WaSyncError('store_timeout', 'late'), statement);
    });
    expect(await ask()).toBe(503);
    down = false;
    await clock.advance(10_000);
    expect([await ask(), reads()]).toEqual([503, 1]);
    settle();
    await clock.settle();
    expect([await ask(), reads()]).toEqual([200, 2]);
  });
});
