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

/** What core is held to by its own tests and those of its memory store; `vitest.config.ts` says how much of it they have to reach. */
const OF_CORE = ['packages/core/test/', 'packages/testing/test/memory-store.test.ts'];

/** Runs all tests, or those that are named, and ends with one line of counts. */
export async function runTests(args) {
  ensureServers();
  const folder = await mkdtemp(join(tmpdir(), 'wa-sync-test-'));
  const coverage = ['--coverage', `--coverage.reportsDirectory=${join(folder, 'coverage')}`];
  const others = OF_CORE.flatMap((path) => ['--exclude', path.endsWith('/') ? `${path}**` : path]);
  const runs = args.length > 0 ? [args] : [[...OF_CORE, ...coverage], others];
  let [passed, failed] = [0, 0];
  let failure = null;
  const testResults = [];
  try {
    for (const [index, some] of runs.entries()) {
      const report = join(folder, `${index}.json`);
      const error = await runVitest(some, report);
      const told = JSON.parse(await readFile(report, 'utf8'));
      testResults.push(...told.testResults);
      passed += told.numPassedTests;
      // A run that fails without a failed test (a file that does not load, an unhandled rejection, too little coverage) counts as one.
      failed += error ? Math.max(1, told.numFailedTests) : told.numFailedTests;
      failure ??= error;
    }
    for (const line of listLeftOut({ testResults })) console.log(line);
    console.log(`${passed} passed, ${failed} failed`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (failure) throw failure;
}

/** Why it failed, or `null`. */
function runVitest(args, report) {
  const vitest = join(root, 'node_modules/.bin/vitest');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  return run(vitest, ['run', ...reporters, ...args]).then(
    () => null,
    (error) => error,
  );
}
