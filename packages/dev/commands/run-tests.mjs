import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { ensureServers } from './ensure-servers.mjs';
import { bin, root, run } from './run-process.mjs';

/**
 * What did not run: tests that a store is excused from by an ability that it says it lacks, each with why
 * (`meta.leftOut`, set by the conformance suites), and how many others of which file.
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

/** What failed and the beginning of why, once more: the end of a long run is what is kept and read. */
function listFailed({ testResults }) {
  const failed = testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(root, name);
    const tests = assertionResults.filter((one) => one.status === 'failed');
    // A file that does not load has a message and no tests.
    if (tests.length === 0) return status === 'failed' ? [{ file, why: [message] }] : [];
    return tests.map((one) => ({ file: `${file} > ${one.fullName}`, why: one.failureMessages }));
  });
  return failed.flatMap(({ file, why }) => [
    `FAILED ${file}`,
    ...why
      .join('\n')
      .split('\n')
      .filter((line) => !line.includes('node_modules'))
      .slice(0, 15),
  ]);
}

/**
 * What core is held to by its own tests and those of its memory store; `vitest.config.ts` says how much of it they
 * have to reach.
 */
const OF_CORE = ['packages/core/test/**', 'packages/testing/test/memory-store.test.ts'];

/** Runs all tests, or those that are named, and ends with one line of counts. */
export async function runTests(args) {
  failIfFailed(await countTests(args));
}

/** Runs the tests of `packages/dev/hosts-tests`: some packages of each kind, with `--all` every one. */
export async function runHostTests(args) {
  failIfFailed(await countHostTests(args));
}

/** Both, one after the other; the last line adds them up. */
export async function runAllTests() {
  const counts = [await countTests([]), await countHostTests([])];
  const sum = (of) => counts.reduce((total, one) => total + one[of], 0);
  for (const one of counts) for (const line of one.report) console.log(line);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  for (const one of counts) failIfFailed(one);
}

async function countTests(args) {
  // The unit tests start nothing, so nothing is installed for them.
  if (args.join(' ').replace('=', ' ') !== '--project unit') ensureServers();
  const folder = await mkdtemp(join(tmpdir(), 'wa-sync-test-'));
  const coverage = ['--coverage', `--coverage.reportsDirectory=${join(folder, 'coverage')}`];
  if (args.length > 0) return count(folder, [{ args }]);
  return count(folder, [
    { args: ['--project', 'unit', ...OF_CORE.map((path) => path.replace('**', '')), ...coverage] },
    // Excluded by the configuration of the project: --exclude does not reach it.
    { args: [], env: { WA_SYNC_TESTED: OF_CORE.join() } },
  ]);
}

async function countHostTests(args) {
  const folder = await mkdtemp(join(tmpdir(), 'wa-sync-test-'));
  const all = args.includes('--all');
  const own = ['--root', 'packages/dev/hosts-tests', ...args.filter((arg) => arg !== '--all')];
  return count(folder, [{ args: own, env: { WA_SYNC_HOSTS: all ? 'all' : 'newest' } }]);
}

/** One vitest run after the other. `folder` is deleted. */
async function count(folder, runs) {
  const started = Date.now();
  let [passed, failed] = [0, 0];
  let failure = null;
  const testResults = [];
  try {
    for (const [index, { args, env }] of runs.entries()) {
      const report = join(folder, `${index}.json`);
      const error = await runVitest(args, report, env);
      const found = JSON.parse(await readFile(report, 'utf8'));
      testResults.push(...found.testResults);
      passed += found.numPassedTests;
      // A run that fails without a failed test (a file that does not load, an unhandled rejection, too little
      // coverage) counts as one.
      failed += error ? Math.max(1, found.numFailedTests) : found.numFailedTests;
      failure ??= error;
    }
  } catch (error) {
    // vitest ended before it could write a report.
    failed += 1;
    failure ??= error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  for (const line of listLeftOut({ testResults })) console.log(line);
  const report = listFailed({ testResults });
  if (failure && report.length === 0) report.push(`FAILED without a failed test, as it says above: ${failure.message}`);
  for (const line of report) console.log(line);
  console.log(`Took ${Math.round((Date.now() - started) / 1000)} s`);
  console.log(`${passed} passed, ${failed} failed`);
  return { passed, failed, failure, report };
}

function failIfFailed({ failure }) {
  if (failure) throw failure;
}

/** Why it failed, or `null`. */
function runVitest(args, report, env) {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  return run(bin('vitest'), ['run', ...reporters, ...args], { env: { ...process.env, ...env } }).then(
    () => null,
    (error) => error,
  );
}
