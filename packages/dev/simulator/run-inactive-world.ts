/** A world without a single fault: whatever is done to its accounts is done by the engine itself. */
import { createDraw } from './draw.js';
import { drawSettings, type WorldPlan } from './draw-settings.js';
import type { HistoryEntry } from './history.js';
import { seedStore } from './run-world.js';
import { createWorld } from './world.js';

const HOUR_MS = 3_600_000;

/**
 * Plays healthy accounts on which nothing happens, half of them attached by two hosts and half opened by their
 * providers. `framesEveryMs`: how long a link hears nothing by itself; longer than `probe.silenceMs`, the engine asks.
 */
export async function runInactiveWorld(params: {
  accounts: number;
  hours: number;
  framesEveryMs: number;
}): Promise<readonly HistoryEntry[]> {
  const { accounts, hours, framesEveryMs } = params;
  const names = Array.from({ length: accounts }, (_, index) => `account-${index}`);
  const drawn = drawSettings(1);
  const endMs = hours * HOUR_MS;
  const plan: WorldPlan = {
    ...drawn,
    ...{ ttlMs: 30_000, tickMs: 5_000, probeTimeoutMs: 5_000, silenceMs: 20_000, storeLimitMs: 10_000 },
    ...{ timeZone: 'UTC', daily: null, rollbacks: false, calmFromMs: 0, endMs },
    replicas: 2,
    attached: names.slice(0, accounts / 2),
    provided: names.slice(accounts / 2),
    faults: [],
    forgotten: new Map(),
    conversations: 0,
    throwingListeners: false,
    clocks: { all: 1 },
    blackout: null,
    options: { jobs: { sync: '*/5 * * * *', inactivity: '* * * * *' }, timeZone: 'UTC' },
  };
  const world = createWorld(plan, { framesEveryMs });
  await seedStore(world, createDraw(plan.seed, 'inactive'));
  for (let index = 1; index <= plan.replicas; index += 1) world.boot(`r${index}`);
  await world.timeline.run(endMs);
  world.noteTruth('end');
  await world.timeline.run(endMs + 1);
  return world.recorder.entries;
}
