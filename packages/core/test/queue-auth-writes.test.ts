import { createManualClock } from '@wa-sync/testing';
import { describe, expect, it } from 'vitest';
import { type AuthWriteGroup, type AuthWriteVerdict, queueAuthWrites } from '../src/adapter/index.js';
import type { AuthEntry } from '../src/index.js';
import { silentLogger, WaSyncError } from '../src/index.js';

const entry = (id: string, byte: number): AuthEntry => ({ type: 'session', id, value: Uint8Array.of(byte) });

/** A statement that is under way until the test ends it. */
function queueOf(mostWaitMs = 1_000) {
  const clock = createManualClock();
  const calls: { groups: readonly AuthWriteGroup[]; end: (verdict: AuthWriteVerdict | Error) => void }[] = [];
  const write = queueAuthWrites({
    commit: (groups) =>
      new Promise((resolve, reject) => {
        const end = (verdict: AuthWriteVerdict | Error) =>
          verdict instanceof Error ? reject(verdict) : resolve(groups.map(() => verdict));
        calls.push({ groups, end });
      }),
    isAway: (error) => error instanceof WaSyncError && error.code === 'store_unreachable',
    mostWaitMs: () => mostWaitMs,
    encrypted: true,
    logger: silentLogger,
    monotonicMs: () => clock.monotonicMs(),
  });
  const started = async (count: number) => {
    for (let turn = 0; turn < 50 && calls.length < count; turn += 1) await Promise.resolve();
    expect(calls).toHaveLength(count);
    return calls[count - 1]!;
  };
  return { clock, calls, write, started };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('the queue of credential writes', () => {
  it('takes what came meanwhile together, the last value of a key, as it was when it was handed over', async () => {
    const { write, started } = queueOf();
    const first = write({ sessionId: 'a', tenure: null, entries: [entry('1', 1)] });
    (await started(1)).end('written');
    const changed = entry('1', 2);
    const second = [
      write({ sessionId: 'a', tenure: null, entries: [changed, entry('2', 2)] }),
      write({ sessionId: 'b', tenure: 't', entries: [entry('1', 3)] }),
      write({ sessionId: 'a', tenure: null, entries: [entry('2', 4)] }),
    ];
    changed.value?.fill(9);
    await first;
    const { groups, end } = await started(2);
    expect(groups).toEqual([
      { sessionId: 'a', tenure: null, entries: [entry('1', 2), entry('2', 4)] },
      { sessionId: 'b', tenure: 't', entries: [entry('1', 3)] },
    ]);
    end('written');
    await Promise.all(second);
  });

  it('keeps writes under another tenure of one session for the next statement', async () => {
    const { write, started } = queueOf();
    const writes = [
      write({ sessionId: 'a', tenure: 'old', entries: [entry('1', 1)] }),
      write({ sessionId: 'a', tenure: 'new', entries: [entry('1', 2)] }),
    ];
    const refused = expect(writes[0]).rejects.toMatchObject({ code: 'tenure_lost' });
    (await started(1)).end('lost');
    const { groups, end } = await started(2);
    expect(groups.map(({ tenure }) => tenure)).toEqual(['new']);
    end('written');
    await refused;
    await writes[1];
  });

  it('lets no write of a session overtake an earlier one that had to wait', async () => {
    const { write, started } = queueOf();
    const tenures = ['old', 'new', 'old'];
    const writes = tenures.map((tenure, index) => write({ sessionId: 'a', tenure, entries: [entry('1', index)] }));
    for (const [index, tenure] of tenures.entries()) {
      const { groups, end } = await started(index + 1);
      expect(groups).toEqual([{ sessionId: 'a', tenure, entries: [entry('1', index)] }]);
      end('written');
    }
    await Promise.all(writes);
  });

  it('puts no more into a statement than it can take, but for one write that is larger', async () => {
    const { write, started } = queueOf();
    const sizes = [5_000, 2_000, 2_000, 1];
    const writes = sizes.map((size, index) => {
      const entries = Array.from({ length: size }, (_, n) => entry(String(n), 1));
      return write({ sessionId: `s${index}`, tenure: null, entries });
    });
    for (const [index, expected] of [[5_000], [2_000, 2_000], [1]].entries()) {
      const { groups, end } = await started(index + 1);
      expect(groups.map(({ entries }) => entries.length)).toEqual(expected);
      end('written');
    }
    await Promise.all(writes);
  });

  it('tries one session at a time where one of them spoils it for all, but not where the store is away', async () => {
    const { write, started, calls } = queueOf();
    const pair = () => ['a', 'b'].map((sessionId) => write({ sessionId, tenure: null, entries: [entry('1', 1)] }));
    const some = pair();
    const refused = expect(some[0]).rejects.toThrow('spoilt');
    (await started(1)).end(new Error('spoilt'));
    await started(3);
    expect(calls.slice(1).map(({ groups }) => groups.map(({ sessionId }) => sessionId))).toEqual([['a'], ['b']]);
    calls[2]?.end('written');
    // While the other one may still wait for a lock.
    await some[1];
    const next = write({ sessionId: 'a', tenure: null, entries: [entry('1', 2)] });
    await nextTurn();
    expect(calls).toHaveLength(3);
    calls[1]?.end(new Error('spoilt'));
    await refused;
    (await started(4)).end('written');
    await next;
    const others = pair().map((one) => expect(one).rejects.toMatchObject({ code: 'store_unreachable' }));
    (await started(5)).end(new WaSyncError('store_unreachable', 'away'));
    await Promise.all(others);
    expect(calls).toHaveLength(5);
  });

  it('refuses what has waited too long for a store that does not answer, and takes what has not', async () => {
    const { clock, write, started } = queueOf(1_000);
    const under = expect(write({ sessionId: 'a', tenure: null, entries: [entry('1', 1)] })).rejects.toThrow('gone');
    const { end } = await started(1);
    const old = write({ sessionId: 'b', tenure: null, entries: [entry('1', 1)] });
    const late = expect(old).rejects.toMatchObject({ code: 'store_timeout', retryable: true });
    await clock.advance(1_001);
    const young = write({ sessionId: 'c', tenure: null, entries: [entry('1', 1)] });
    end(new Error('gone'));
    await Promise.all([under, late]);
    const next = await started(2);
    expect(next.groups.map(({ sessionId }) => sessionId)).toEqual(['c']);
    next.end('written');
    await young;
  });
});
