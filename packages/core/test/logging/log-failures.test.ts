import { createManualClock } from '@wa-sync/testing';
import { expect, it } from 'vitest';
import { createFailureLog } from '../../src/adapter/index.js';
import { HOUR, talking } from '../talking.js';

function open() {
  const clock = createManualClock();
  const lines: string[] = [];
  const note = (_: unknown, text: string) => void lines.push(text);
  const log = createFailureLog({ clock, logger: { debug: note, info: note, warn: note, error: note } });
  const fail = (message: string, times = 1) => {
    for (let time = 0; time < times; time++) log.failed({ code: 'x_failed' }, 'x failed', new Error(message));
  };
  return { clock, lines, log, fail };
}

it('a cause is written the 1st and the 3rd time, then at every 60th', () => {
  const { lines, fail } = open();
  fail('no', 121);
  expect(lines).toEqual([
    'x failed',
    'x failed, 3 times by now',
    'x failed, 60 times by now',
    'x failed, 120 times by now',
  ]);
});

it('one cause may name another row, number or time in each text; another cause is written at once', () => {
  const { lines, fail } = open();
  for (let id = 0; id < 59; id++)
    fail(`no row ${id} for 55119999${String(id).padStart(5, '0')} (cm4x${id}-k, 2025-01-01T00:00:${id})`);
  expect(lines).toHaveLength(2);
  fail('the pool is closed');
  expect(lines).toHaveLength(3);
});

it('a cause is new when it works in between, and after an hour without it', async () => {
  const { clock, lines, log, fail } = open();
  fail('no');
  fail('no');
  log.works();
  fail('no');
  await clock.advance(HOUR + 1);
  fail('no');
  expect(lines).toEqual(['x failed', 'x failed', 'x failed']);
});

it('a policy that fails for each of 130 conversations gives 4 lines, with count and cause', async () => {
  const world = await talking({
    policy: ({ id }) => {
      throw new Error(`no settings for ${id}`);
    },
  });
  for (let at = 0; at < 130; at++) await world.say(`c${at}`);
  await world.inactive(2 * HOUR);
  expect((await world.check()).totals).toMatchObject({ checked: 130, failed: 130 });
  const logged = world.logged.filter(({ fields }) => fields.code === 'policy_failed');
  expect(logged.map(({ fields }) => fields.times)).toEqual([1, 3, 60, 120]);
  expect(logged[0]?.fields.err).toMatchObject({ message: expect.stringContaining('no settings for c') });
});

it('a listener that fails at each of 60 events gives 3 lines, and one of another event its own', async () => {
  const world = await talking({});
  for (const name of ['session:changed', 'job:finished'] as const)
    world.wa.on(name, () => {
      throw new Error('no');
    });
  for (let change = 0; change < 30; change++) {
    world.socket.script.close('connection_closed');
    await world.clock.settle();
    world.socket.script.open();
    await world.clock.settle();
  }
  await world.check();
  const logged = world.logged.filter(({ fields }) => fields.code === 'listener_failed');
  const timesOf = (name: string) =>
    logged.filter(({ fields }) => fields.event === name).map(({ fields }) => fields.times);
  expect(timesOf('session:changed')).toEqual([1, 3, 60]);
  expect(timesOf('job:finished')).toEqual([1]);
});
