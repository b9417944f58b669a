import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const FILE = join(import.meta.dirname, 'runners/memory-store.mjs');

/** Runs the suite of the memory store as a project with node's own runner would. */
function runSuite(
  env: Record<string, string> = {},
): Promise<{ code: number; out: string; count: (of: string) => number }> {
  const args = ['--conditions=@wa-sync/source', '--import', 'tsx', '--test', '--test-reporter=tap', FILE];
  return new Promise((resolve) => {
    // Without what vitest and node's runner set for their own children.
    const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...own } = process.env;
    const child = execFile(process.execPath, args, { env: { ...own, ...env }, maxBuffer: 2 ** 26 }, (_error, out) => {
      const count = (of: string) => Number(new RegExp(`^# ${of} (\\d+)$`, 'm').exec(out)?.[1]);
      resolve({ code: child.exitCode ?? -1, out, count });
    });
  });
}

describe('the suites under node:test', { timeout: 120_000 }, () => {
  it('pass on the memory store, and say which tests are left out and why', async () => {
    const { code, out, count } = await runSuite();
    expect(out).toMatch(/rows outlive the store object that wrote them # SKIP the store does not survive a restart/);
    expect(count('fail')).toBe(0);
    expect(count('skipped')).toBe(2);
    expect(count('pass')).toBeGreaterThan(50);
    expect(code).toBe(0);
  });

  it('fail on a store that says every write was applied', async () => {
    const { code, out, count } = await runSuite({ BROKEN: 'yes' });
    expect(out).toMatch(/was expected to/);
    expect(count('fail')).toBeGreaterThan(0);
    expect(code).toBe(1);
  });
});
