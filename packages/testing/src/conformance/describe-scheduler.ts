import type { ClusterJobName, Scheduler, SlotAnswer, SlotRule } from '@wa-sync/core';
import { expect } from './expect.js';
import type { TestRunner } from './test-runner.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A scheduler on a time that a test moves. */
export interface SchedulerHarness {
  readonly scheduler: Scheduler;
  /** Its time. */
  now(): Date;
  /** Moves time by `ms`; what is due meanwhile is called for within a minute of its slot. */
  advance(ms: number): Promise<void>;
  /** Time goes by while nothing of the scheduler runs, as in a suspend. */
  sleep(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** What the suite needs to know of a scheduler. */
export interface SchedulerSuite {
  /** How the tests are headed. */
  readonly name: string;
  /** The functions of the test runner, such as `{ describe, it }` of vitest, jest or node:test. */
  readonly runner: TestRunner;
  /** Makes one whose time is `startAt`, that never called for anything. */
  create(params: { startAt: Date }): Promise<SchedulerHarness>;
}

interface Call {
  readonly job: ClusterJobName;
  readonly slot: string;
  /** How late it came. */
  readonly lateMs: number;
}

type Play = (call: Call, nth: number) => Promise<SlotAnswer>;

const rule = (job: ClusterJobName, expression: string, timeZone = 'UTC'): SlotRule => ({ job, expression, timeZone });
const slots = (calls: readonly Call[], job?: ClusterJobName) =>
  calls.filter((call) => job === undefined || call.job === job).map(({ slot }) => slot.slice(5, 16));

/** Declares the tests of a `Scheduler`, each on a fresh one. */
export function describeScheduler(suite: SchedulerSuite): void {
  const { describe, it } = suite.runner;
  /** Starts one with its rules; answers the calls as they come. */
  async function started(startAt: string, rules: SlotRule[], play: Play = async () => 'done') {
    const harness = await suite.create({ startAt: new Date(startAt) });
    const calls: Call[] = [];
    await harness.scheduler.start({
      rules,
      async run({ job, slot }) {
        const call = { job, slot: slot.toISOString(), lateMs: harness.now().getTime() - slot.getTime() };
        calls.push(call);
        return play(call, calls.filter((one) => one.job === job).length);
      },
    });
    await harness.advance(0);
    return { ...harness, calls };
  }

  const test = (
    title: string,
    startAt: string,
    rules: SlotRule[],
    run: (world: Awaited<ReturnType<typeof started>>) => Promise<void>,
    play?: Play,
  ) =>
    it(title, async () => {
      const world = await started(startAt, rules, play);
      try {
        await run(world);
      } finally {
        await world.scheduler.stop();
        await world.close();
      }
    });

  describe(`${suite.name}: scheduler`, () => {
    const both = [rule('cleanup', '0 2 * * *'), rule('inactivity', '0 * * * *')];

    test('calls for each slot of each rule once, within a minute', '2025-05-05T00:30:00Z', both, async (world) => {
      await world.advance(3 * HOUR);
      expect(slots(world.calls, 'cleanup')).toEqual(['05-05T02:00']);
      expect(slots(world.calls, 'inactivity')).toEqual(['05-05T01:00', '05-05T02:00', '05-05T03:00']);
      for (const { lateMs } of world.calls) {
        expect(lateMs).toBeGreaterThanOrEqual(0);
        expect(lateMs).toBeLessThan(MINUTE);
      }
    });

    test('calls for nothing of the past', '2025-05-05T02:00:01Z', both, async (world) => {
      await world.advance(30 * MINUTE);
      expect(world.calls).toEqual([]);
    });

    test('takes what it missed for one call, of the latest slot', '2025-05-05T00:30:00Z', both, async (world) => {
      await world.sleep(5 * HOUR);
      await world.advance(2 * MINUTE);
      expect(slots(world.calls, 'inactivity')).toEqual(['05-05T05:00']);
      expect(slots(world.calls, 'cleanup')).toEqual(['05-05T02:00']);
      await world.advance(HOUR);
      expect(slots(world.calls, 'inactivity')).toEqual(['05-05T05:00', '05-05T06:00']);
    });

    test(
      'goes on where a call rejects, with that job and the others',
      '2025-05-05T00:30:00Z',
      [rule('cleanup', '0 * * * *'), rule('inactivity', '0 * * * *')],
      async (world) => {
        await world.advance(3 * HOUR);
        const hours = ['05-05T01:00', '05-05T02:00', '05-05T03:00'];
        expect([slots(world.calls, 'cleanup'), slots(world.calls, 'inactivity')]).toEqual([hours, hours]);
      },
      async ({ job }) => {
        if (job === 'cleanup') throw new Error('The test makes this call fail');
        return 'done';
      },
    );

    let letGo = () => {};
    test(
      'calls for no slot of a job while one goes on, and for the latest of those it covered once it is over',
      '2025-05-05T00:30:00Z',
      [rule('cleanup', '0 * * * *'), rule('inactivity', '0 * * * *')],
      async (world) => {
        await world.advance(4 * HOUR);
        expect(slots(world.calls, 'cleanup')).toEqual(['05-05T01:00']);
        expect(slots(world.calls, 'inactivity')).toHaveLength(4);
        letGo();
        await world.advance(2 * MINUTE);
        expect(slots(world.calls, 'cleanup')).toEqual(['05-05T01:00', '05-05T04:00']);
      },
      async ({ job }, nth) => {
        if (job === 'cleanup' && nth === 1) {
          await new Promise<void>((resolve) => {
            letGo = resolve;
          });
        }
        return 'done';
      },
    );

    test(
      'asks again soon where a slot could not begin, until it did',
      '2025-05-05T00:30:00Z',
      [rule('cleanup', '0 * * * *')],
      async (world) => {
        await world.advance(35 * MINUTE);
        expect(world.calls.length).toBeGreaterThanOrEqual(3);
        expect(new Set(slots(world.calls))).toEqual(new Set(['05-05T01:00']));
        const count = world.calls.length;
        await world.advance(20 * MINUTE);
        expect(world.calls).toHaveLength(count);
      },
      async (_call, nth) => (nth < 3 ? 'later' : 'done'),
    );

    test('calls for nothing once it is stopped', '2025-05-05T00:30:00Z', both, async (world) => {
      await world.advance(HOUR);
      await world.scheduler.stop();
      const count = world.calls.length;
      await world.advance(3 * HOUR);
      expect(world.calls).toHaveLength(count);
    });

    const zone = 'America/New_York';
    test(
      'runs a daily time inside the gap of daylight saving once, at its end',
      '2025-03-09T05:10:00Z',
      [rule('cleanup', '30 2 * * *', zone)],
      async (world) => {
        await world.advance(DAY + 2 * HOUR);
        // 02:30 does not exist: 03:00 is 07:00 UTC. The next day 02:30 is 06:30 UTC.
        expect(slots(world.calls)).toEqual(['03-09T07:00', '03-10T06:30']);
      },
    );

    test(
      'runs a daily time that comes twice once',
      '2025-11-02T04:10:00Z',
      [rule('cleanup', '30 1 * * *', zone)],
      async (world) => {
        await world.advance(DAY + 3 * HOUR);
        expect(slots(world.calls)).toHaveLength(2);
        expect(slots(world.calls)[1]).toBe('11-03T06:30');
        expect(['11-02T05:30', '11-02T06:30']).toContain(slots(world.calls)[0]);
      },
    );

    for (const [title, startAt] of [
      ['begins', '2025-03-09T04:45:00Z'],
      ['ends', '2025-11-02T04:45:00Z'],
    ] as const) {
      test(
        `keeps an interval unbroken where daylight saving ${title}`,
        startAt,
        [rule('cleanup', '*/30 * * * *', zone)],
        async (world) => {
          await world.advance(6 * HOUR);
          const from = Date.parse(startAt) + 15 * MINUTE;
          const expected = Array.from({ length: 12 }, (_, index) => new Date(from + index * 30 * MINUTE));
          expect(world.calls.map(({ slot }) => slot)).toEqual(expected.map((slot) => slot.toISOString()));
        },
      );
    }
  });
}
