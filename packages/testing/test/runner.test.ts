import { createMemoryStore } from '@wa-sync/core';
import { createManualClock } from '@wa-sync/testing';
import { describeAuthStore, describeSessionStore, type StoreSuite } from '@wa-sync/testing/conformance';
import { expect, it, vi } from 'vitest';

/** A runner as jest: tests get no context, and a test with a parameter would be one that calls back. */
function collect(declare: (runner: StoreSuite['runner']) => void) {
  const tests: { title: string; run: () => Promise<void> }[] = [];
  const runner: StoreSuite['runner'] = {
    describe: (_title, inner) => inner(),
    it: (title, run) => {
      expect(run).toHaveLength(0);
      tests.push({ title, run: () => run() });
    },
  };
  declare(runner);
  return tests;
}

const create: StoreSuite['create'] = async () => {
  const clock = createManualClock();
  const store = createMemoryStore({ clock });
  await store.init();
  return { store, advance: clock.advance, close: store.close };
};

it('a runner that hands nothing to its tests runs the suites, which print what they leave out and why', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  try {
    const tests = collect((runner) => describeSessionStore({ name: 'memory', runner, create }));
    for (const { run } of tests) await run();
    expect(tests.length).toBeGreaterThan(50);
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/^Left out: rows written through one .* \(the store is not shared between processes\)$/)],
      [expect.stringMatching(/^Left out: rows outlive .* \(the store does not survive a restart\)$/)],
    ]);
  } finally {
    warn.mockRestore();
  }
});

it('a store that is closed after a failed test, and whose failure is not swallowed', async () => {
  let closed = 0;
  const broken: StoreSuite['create'] = async () => {
    const harness = await create();
    const close = async () => {
      closed += 1;
      await harness.close();
    };
    return { ...harness, store: { ...harness.store, auth: undefined }, close };
  };
  const tests = collect((runner) => describeAuthStore({ name: 'memory', runner, create: broken }));
  const outcomes = await Promise.allSettled(tests.map(({ run }) => run()));
  expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
  expect(closed).toBe(tests.length);
});
