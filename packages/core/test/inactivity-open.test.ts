import { expect, it } from 'vitest';
import { HOUR, talking } from './talking.js';

it('a run says of how many open conversations it checked those that are due, in report, log line and record', async () => {
  const world = await talking({ farewell: null });
  for (const id of ['a', 'b']) await world.say(id);
  expect(await world.check()).toMatchObject({ open: 2, totals: { checked: 0 } });
  const lines = () => world.logged.filter(({ message }) => message.includes('conversations completed'));
  expect(lines()).toMatchObject([
    {
      message: 'Manual check of inactive conversations completed: checked 0 of 2 open conversations',
      fields: { checked: 0, open: 2 },
    },
  ]);
  expect((await world.memory.jobs.list({ limit: 1 }))[0]?.counts).toMatchObject({ checked: 0, open: 2 });
  await world.inactive(HOUR + 1_000);
  await world.say('c');
  expect(await world.check({ dryRun: true })).toMatchObject({ open: 3, totals: { checked: 2 } });
  // Counted before they are closed, and once a run.
  const before = world.calls.filter((name) => name === 'countOpen').length;
  expect(await world.check()).toMatchObject({ open: 3, totals: { checked: 2, closed: 2 } });
  expect(world.calls.filter((name) => name === 'countOpen')).toHaveLength(before + 1);
  expect(await world.check()).toMatchObject({ open: 1, totals: { checked: 0 } });
});

it('a count that fails, never ends or returns no number leaves the number out, and conversations are closed', async () => {
  for (const how of ['fails', 'hangs', 'is missing', NaN, -1, 1.5] as const) {
    const world = await talking({ farewell: null });
    await world.say();
    await world.inactive(HOUR + 1_000);
    world.broken.hang = how === 'hangs';
    if (how === 'hangs' || how === 'fails') world.broken.calls.add('countOpen');
    else {
      const countOpen = how === 'is missing' ? undefined : async () => how;
      Object.assign(world.memory.conversations, { countOpen });
    }
    // A replica beats each few seconds, and a call that hangs is given up before a lease is over.
    const report = await world.during(world.wa.checkInactiveConversations(), 30_000);
    expect(report, String(how)).toMatchObject({ open: null, postponed: null, totals: { checked: 1, closed: 1 } });
    const [line] = world.logged.filter(({ message }) => message.includes('conversations completed'));
    expect(line?.message).toMatch(/completed: checked 1 conversation$/);
    expect(line?.fields).not.toHaveProperty('open');
  }
});
