import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { ensureServers } from './ensure-servers.mjs';
import { root, run } from './run-process.mjs';

/**
 * What did not run: tests that a store is excused from by an ability that it says it lacks, each with why (`meta.leftOut`, set by the conformance suites), and how many others
 * of which file.
 */
function listLeftOut({ testResults }) {
  const excused = new Set();
  const others = [];
  for (const { name, assertionResults } of testResults) {
    const left = assertionResults.filter(({ status }) => status !== 'passed' && status !== 'failed');
    const plain = left.filter(({ meta }) => meta?.leftOut === undefined);
    if (plain.length > 0) others.push(`  ${relative(root, name)}: ${plain.length} not run`);
    for (const { ancestorTitles, title, meta } of left) {
      const suite = ancestorTitles.find((ancestor) => ancestor !== '');
      if (meta?.leftOut !== undefined) excused.add(`  ${suite}: ${title} (${meta.leftOut})`);
    }
  }
  return ['Left out:', ...[...excused].sort(), ...others.sort()];
}

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
    const told = JSON.parse(await readFile(report, 'utf8'));
    const { numPassedTests: passed, numFailedTests: failed } = told;
    for (const line of listLeftOut(told)) console.log(line);
    // A run that fails without a failed test (a file that does not load, an unhandled rejection) counts as one.
    console.log(`${passed} passed, ${failure ? Math.max(1, failed) : failed} failed`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (failure) throw failure;
}
