import { WaSyncError } from '@wa-sync/core';
import { markUnderWay } from '@wa-sync/core/adapter';
import { createManualClock } from '@wa-sync/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createWorkLimit } from '../src/access/limit-work.js';

const LIMITS = { total: 3, perCaller: 2, waitMs: 2_000 };

interface Work {
  readonly key: string;
  readonly name: string | undefined;
  begun: boolean;
  /** What came of it for whoever asked. */
  said: string | null;
  /** Its place is still taken. */
  placed: boolean;
  end(): void;
  fail(): void;
  /** The call is answered with an error; the statement goes on until `end`. */
  abandon(): void;
  leave(): void;
}

/** A limit whose work goes on until the test ends it. */
function open() {
  const clock = createManualClock();
  const limit = createWorkLimit({ ...LIMITS, clock });
  const works: Work[] = [];

  function ask(key: string, name?: string): Work {
    const leaving = new AbortController();
    let resolve = () => {};
    let reject: (error: unknown) => void = () => {};
    const done = new Promise<void>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    let abandoned = false;
    let settle = () => {};
    const statement = new Promise<void>((ended) => {
      settle = ended;
    });
    const work: Work = {
      key,
      name,
      begun: false,
      said: null,
      placed: false,
      end() {
        this.placed = false;
        resolve();
        settle();
      },
      fail() {
        if (abandoned) return;
        this.placed = false;
        reject(new Error('failed'));
      },
      abandon() {
        abandoned = true;
        reject(markUnderWay(new WaSyncError('store_timeout', 'late'), statement));
      },
      leave: () => leaving.abort(),
    };
    const begin = () => {
      work.begun = true;
      work.placed = true;
      return done;
    };
    const worker = { key, signal: () => leaving.signal };
    const run = limit.run(worker, begin, name === undefined ? undefined : () => name);
    run.then(
      () => {
        work.said = 'done';
      },
      (error: { code?: string }) => {
        work.said = error.code ?? 'failed';
      },
    );
    works.push(work);
    return work;
  }
  const begun = () => works.map((work) => (work.begun ? work.key : '-')).join('');
  return { clock, limit, works, ask, begun };
}

describe('a limit of work', () => {
  it('begins as much as one caller may have under way, and the next once one has ended or failed', async () => {
    const { clock, ask, begun } = open();
    const [first, second] = ['a', 'a', 'a', 'a'].map((key) => ask(key)) as [Work, Work];
    await clock.settle();
    expect(begun()).toBe('aa--');
    first.end();
    await clock.settle();
    expect([begun(), first.said]).toEqual(['aaa-', 'done']);
    second.fail();
    await clock.settle();
    expect([begun(), second.said]).toEqual(['aaaa', 'failed']);
  });

  it('frees the place of work that throws before it returns a promise', async () => {
    const { limit } = open();
    const worker = { key: 'a', signal: () => new AbortController().signal };
    for (let time = 0; time < 5; time += 1) {
      const thrown = limit.run(worker, () => {
        throw new Error('at once');
      });
      await expect(thrown).rejects.toThrow('at once');
    }
  });

  it('begins as much as all may have under way, and serves the callers in turn', async () => {
    const { clock, works, ask, begun } = open();
    for (const key of 'aaaaaabbbc') ask(key);
    await clock.settle();
    expect(begun()).toBe('aa----b---');
    const order: string[] = [];
    for (let time = 0; time < 7; time += 1) {
      const before = works.filter((work) => work.begun);
      // The one that has been under way for longest.
      before.find((work) => work.placed)?.end();
      await clock.settle();
      order.push(...works.filter((work) => work.begun && !before.includes(work)).map(({ key }) => key));
    }
    expect(order.join('')).toBe('abcabaa');
  });

  it('does work that waits once for all equal of its caller, and joins none that has begun', async () => {
    const { clock, works, ask, begun } = open();
    const names = ['x', 'x', 'x', 'x', 'y', 'x'];
    for (const name of names) ask('a', name);
    ask('b', 'x');
    ask('b', 'x');
    ask('a');
    ask('a');
    await clock.settle();
    expect(begun()).toBe('aa----b---');
    for (const at of [0, 1, 6]) works[at]?.end();
    await clock.settle();
    // The third has begun for the fourth and the sixth too, and is joined by none any more.
    expect(begun()).toBe('aaa-a-bb--');
    const late = ask('a', 'x');
    works[2]?.end();
    await clock.settle();
    expect([3, 5].map((at) => works[at]?.said)).toEqual(['done', 'done']);
    for (let round = 0; round < 3; round += 1) {
      for (const work of works) if (work.placed) work.end();
      await clock.settle();
    }
    expect([begun(), late.said]).toEqual(['aaa-a-bbaaa', 'done']);
  });

  it('fails what was joined for all, and does it though the first of them left', async () => {
    const { clock, limit, ask } = open();
    const [one, , first, second] = [ask('a'), ask('a'), ask('a', 'x'), ask('a', 'x')];
    first.leave();
    await clock.settle();
    expect(first.said).toBe(null);
    one.end();
    await clock.settle();
    first.fail();
    await clock.settle();
    expect([first.said, second.said]).toEqual(['failed', 'failed']);
    const alone = [ask('a'), ask('a', 'x'), ask('a', 'x')];
    await clock.advance(2_000);
    expect(alone.map(({ said }) => said)).toEqual([null, 'overloaded', 'overloaded']);
    expect(limit.callers()).toBe(1);
  });

  it('refuses what waited too long, and at once what would wait behind a hundred others', async () => {
    const { clock, limit, ask } = open();
    const works = Array.from({ length: 103 }, () => ask('a'));
    await clock.settle();
    expect(works.map(({ said }) => said).filter((said) => said !== null)).toEqual(['overloaded']);
    expect(works.at(-1)?.said).toBe('overloaded');
    expect(() => limit.assertRoom('a')).toThrow();
    expect(() => limit.assertRoom('b')).not.toThrow();
    await clock.advance(1_999);
    expect(works.filter(({ said }) => said !== null)).toHaveLength(1);
    await clock.advance(1);
    expect(works.filter(({ said }) => said === 'overloaded')).toHaveLength(101);
    expect(() => limit.assertRoom('a')).not.toThrow();
  });

  it('refuses what would wait behind a thousand of all callers', async () => {
    const { clock, limit, works, ask } = open();
    for (let at = 0; at < 1_100; at += 1) ask(`caller ${at % 50}`);
    await clock.settle();
    expect(works.filter(({ said }) => said === 'overloaded')).toHaveLength(97);
    expect(() => limit.assertRoom('new')).toThrow();
    await clock.advance(2_000);
    expect(limit.callers()).toBe(3);
  });

  it('loses no place where a client leaves in the moment in which its turn comes', async () => {
    for (let microtasks = 0; microtasks < 20; microtasks += 1) {
      const { clock, limit, works, ask } = open();
      const [first, , third] = ['a', 'a', 'a'].map((key) => ask(key)) as [Work, Work, Work];
      await clock.settle();
      first.end();
      for (let at = 0; at < microtasks; at += 1) await Promise.resolve();
      third.leave();
      await clock.settle();
      for (const work of works) work.end();
      await clock.settle();
      expect(limit.callers()).toBe(0);
    }
  });

  it('forgets what waits for a client that has left, and keeps the place of what is under way for one', async () => {
    const { clock, ask, begun } = open();
    const [first, , third] = ['a', 'a', 'a', 'a'].map((key) => ask(key)) as [Work, Work, Work];
    first.leave();
    third.leave();
    await clock.settle();
    expect([begun(), third.said]).toEqual(['aa--', 'overloaded']);
    first.end();
    await clock.settle();
    expect(begun()).toBe('aa-a');
  });

  it('keeps the place of a call that was given up until its statement has ended, and no place of others', async () => {
    const { clock, ask, begun } = open();
    const [first, second] = ['a', 'a', 'a'].map((key) => ask(key)) as [Work, Work];
    first.abandon();
    second.abandon();
    await clock.settle();
    expect([first.said, begun()]).toEqual(['store_timeout', 'aa-']);
    const other = ask('b');
    await clock.settle();
    expect(other.begun).toBe(true);
    first.end();
    await clock.settle();
    expect(begun()).toBe('aaab');
  });

  it('gives a place back after ten minutes where a statement never ends', async () => {
    const { clock, ask } = open();
    for (const key of 'aa') ask(key).abandon();
    await clock.advance(599_999);
    const late = ask('a');
    await clock.settle();
    expect(late.begun).toBe(false);
    await clock.advance(1);
    expect([late.begun, clock.pendingTimers]).toEqual([true, 0]);
  });

  it('never has more under way than it may, leaves no place empty that somebody waits for, and loses none', async () => {
    const step = fc.record({
      do: fc.constantFrom('ask', 'ask', 'ask', 'end', 'fail', 'abandon', 'leave', 'wait'),
      key: fc.constantFrom('a', 'b', 'c'),
      at: fc.nat(30),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { clock, limit, works, ask } = open();
        const placed = (key?: string) => works.filter((work) => work.placed && (!key || work.key === key)).length;
        for (const { do: what, key, at } of steps) {
          const open = works.filter((work) => work.placed || (!work.begun && work.said === null));
          const one = open[at % Math.max(1, open.length)];
          if (what === 'ask') ask(key, at % 2 ? `named ${at % 3}` : undefined);
          else if (what === 'wait') await clock.advance(at * 100);
          else if (what === 'leave') one?.leave();
          else if (one?.begun && (what === 'end' || one.said === null)) one[what]();
          for (let microtasks = at % 8; microtasks > 0; microtasks -= 1) await Promise.resolve();
          // Two steps in three happen in one turn.
          if (at % 3 === 0) await clock.settle();
        }
        await clock.settle();
        expect(placed()).toBeLessThanOrEqual(LIMITS.total);
        for (const key of 'abc') {
          expect(placed(key)).toBeLessThanOrEqual(LIMITS.perCaller);
          // What is named may have joined what is under way by now.
          const waits = works.some((one) => one.key === key && !one.name && !one.begun && one.said === null);
          if (waits) expect(placed(key) === LIMITS.perCaller || placed() === LIMITS.total).toBe(true);
        }
        for (let round = 0; round < works.length + 1; round += 1) {
          for (const work of works) if (work.placed) work.end();
          await clock.settle();
        }
        expect(works.every(({ said }) => said !== null)).toBe(true);
        expect(limit.callers()).toBe(0);
        const last = ['a', 'a', 'b', 'b'].map((key) => ask(key));
        await clock.settle();
        expect(last.map(({ begun }) => begun)).toEqual([true, true, true, false]);
      }),
      { numRuns: 300 },
    );
  });
});
