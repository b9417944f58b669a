import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureServers } from './ensure-servers.mjs';
import { root, run } from './run-process.mjs';

/** Runs all tests and ends with one line of counts. */
export async function runTests(args) {
  ensureServers();
  const folder = await mkdtemp(join(tmpdir(), 'wa-sync-test-'));
  const report = join(folder, 'report.json');
  let failure = null;
  try {
    const vitest = join(root, 'node_modules/.bin/vitest');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    await run(vitest, ['run', ...reporters, ...args]).catch((error) => {
      failure = error;
    });
    const { numPassedTests: passed, numFailedTests: failed } = JSON.parse(await readFile(report, 'utf8'));
    // A run that fails without a failed test (a file that does not load, an unhandled rejection) counts as one.
    console.log(`${passed} passed, ${failure ? Math.max(1, failed) : failed} failed`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (failure) throw failure;
}
