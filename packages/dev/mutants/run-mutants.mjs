// Planted defects: each is a patch to the engine as it goes into a bundle of the simulator, which must catch it, or
// else a test of core must in a copy of the repository. `npm run mutants [-- --seeds N] [-- --only name]`. Nothing in
// the tree is changed, and no patch ever ships.
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyPatch, bundleSimulator } from '../commands/bundle-simulator.mjs';
import { root } from '../commands/run-process.mjs';
import { play, startPlayer } from '../commands/sim.mjs';
import { MUTANTS } from './mutants-list.mjs';

const SIDE_BY_SIDE = 2;
const CHUNK = 25;
/** What is asked where the simulator sees nothing. */
const TESTS = ['packages/core/test/', 'packages/testing/test/memory-store.test.ts'];

/** A copy of what a bundle and core's tests need, with the rest of the repository linked. */
async function makeCopy(folder, from) {
  const parts = ['package.json', 'vitest.config.ts', 'tsconfig.json', 'tsconfig.base.json', 'docs'];
  for (const name of ['core', 'testing'])
    for (const part of ['src', 'test', 'package.json']) parts.push(`packages/${name}/${part}`);
  for (const part of ['simulator', 'tests', 'package.json']) parts.push(`packages/dev/${part}`);
  for (const part of parts) await cp(join(from, part), join(folder, part), { recursive: true });
  for (const name of ['.', 'packages/core', 'packages/testing']) {
    await linkModules(join(root, name, 'node_modules'), join(folder, name, 'node_modules'), folder);
  }
}

/** Links installed packages, but takes our own three from the copy. */
async function linkModules(from, to, folder) {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) {
    if (name === '@wa-sync') continue;
    await symlink(join(from, name), join(to, name));
  }
  await mkdir(join(to, '@wa-sync'), { recursive: true });
  for (const name of ['core', 'dev', 'testing'])
    await symlink(join(folder, 'packages', name), join(to, '@wa-sync', name));
}

async function plant(folder, { name, patches }) {
  for (const patch of patches) {
    const path = join(folder, 'packages/core/src', patch.file);
    await writeFile(path, applyPatch(await readFile(path, 'utf8'), patch, name));
  }
}

/** The first seed up to `seeds` in which the simulator sees the mutant. */
async function bySimulator({ patches, name }, from, seeds) {
  const bundle = await bundleSimulator({ from, patches, name });
  const player = startPlayer(bundle.url);
  try {
    for (let seed = 1; seed <= seeds; seed += CHUNK) {
      const { violations } = await play(player, seed, Math.min(CHUNK, seeds - seed + 1), { first: true });
      const [first] = violations;
      if (!first) continue;
      const names = [...new Set(violations.map((one) => one.invariant))];
      return { by: names.join(', '), seeds: first.seed, words: first.words };
    }
    return null;
  } finally {
    player.disconnect();
    await bundle.remove();
  }
}

/** Names of the tests of core and of its memory store that fail in a copy. */
async function failingTests(folder) {
  const report = join(folder, 'report.json');
  const vitest = join(folder, 'node_modules/vitest/vitest.mjs');
  await new Promise((resolve) => {
    // A slow machine must not catch anything.
    const args = [vitest, 'run', '--project', 'unit', ...TESTS, '--testTimeout=300000', '--reporter=json'];
    args.push(`--outputFile=${report}`);
    spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' }).on('exit', resolve);
  });
  const { testResults, numPassedTests } = JSON.parse(await readFile(report, 'utf8'));
  // A mutant leaves most tests green; where none is, they did not run.
  if (numPassedTests === 0) throw new Error(`The tests of core do not run in a copy: ${testResults[0]?.message}`);
  const failed = testResults.flatMap((file) => file.assertionResults.filter((one) => one.status === 'failed'));
  return failed.map((one) => one.fullName);
}

/** What is red without any mutant has caught nothing: seeds and tests of the copy that all others are made from. */
async function createBase(folder) {
  const bundle = await bundleSimulator({ from: folder });
  const player = startPlayer(bundle.url);
  let failing = null;
  let playing = Promise.resolve();
  return {
    folder,
    tests: () => {
      failing ??= failingTests(folder);
      return failing;
    },
    /** What the engine as it is breaks in a seed; one at a time. */
    seed(seed) {
      playing = playing.then(() => play(player, seed, 1));
      return playing.then(({ violations }) => violations);
    },
    async close() {
      player.disconnect();
      await bundle.remove();
    },
  };
}

async function judge(mutant, { seeds, base }) {
  const caught = await bySimulator(mutant, base.folder, seeds);
  if (!caught) return byTests(mutant, base);
  const [red] = await base.seed(caught.seeds);
  if (red) throw new Error(`Seed ${caught.seeds} breaks ${red.invariant} without the mutant as well`);
  return caught;
}

async function byTests(mutant, base) {
  const folder = await mkdtemp(join(tmpdir(), 'wa-sync-mutant-'));
  try {
    await makeCopy(folder, base.folder);
    await plant(folder, mutant);
    const before = new Set(await base.tests());
    const failed = (await failingTests(folder)).filter((name) => !before.has(name));
    return failed.length > 0 ? { by: `test: ${failed[0]}`, seeds: null, words: `${failed.length} tests fail` } : null;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function print(results) {
  const width = Math.max(...results.map(({ name }) => name.length));
  console.log(`\n${'mutant'.padEnd(width)}  seeds  caught by`);
  for (const { name, caught, error } of results) {
    const seeds = caught?.seeds ?? '-';
    console.log(
      `${name.padEnd(width)}  ${String(seeds).padStart(5)}  ${error?.split('\n')[0] ?? caught?.by ?? 'NOBODY'}`,
    );
  }
  const seeds = results.flatMap(({ caught }) => (caught?.seeds ? [caught.seeds] : [])).sort((a, b) => a - b);
  const missed = results.filter(({ caught }) => !caught);
  const median = seeds[Math.floor(seeds.length / 2)] ?? '-';
  console.log(
    `\n${results.length} mutants, ${seeds.length} caught by the simulator (median ${median} seeds), ${results.length - seeds.length - missed.length} by tests, ${missed.length} not caught`,
  );
  return missed.length === 0 ? 0 : 1;
}

function readArguments(args) {
  const options = { seeds: 1_000, only: null };
  for (let index = 0; index < args.length; index += 2) {
    const value = args[index + 1];
    if (args[index] === '--seeds' && Number.isInteger(Number(value))) options.seeds = Number(value);
    else if (args[index] === '--only' && value) options.only = value;
    else throw new Error('Usage: npm run mutants -- [--seeds N] [--only part-of-a-name]');
  }
  return options;
}

function report({ name, caught, error }) {
  if (error) return console.log(`${name}: ${error}`);
  if (!caught) return console.log(`${name}: NOT CAUGHT`);
  return console.log(`${name}: ${caught.by}${caught.seeds ? ` at seed ${caught.seeds}` : ''} (${caught.words})`);
}

async function main() {
  const { seeds, only } = readArguments(process.argv.slice(2));
  const chosen = MUTANTS.filter(({ name }) => only === null || name.includes(only));
  const results = chosen.map(({ name }) => ({ name, caught: null }));
  // One copy for all: the tree may be edited while they run.
  const folder = await mkdtemp(join(tmpdir(), 'wa-sync-mutants-'));
  let base = null;
  try {
    await makeCopy(folder, root);
    base = await createBase(folder);
    let next = 0;
    const work = async () => {
      while (next < chosen.length) {
        const index = next;
        next += 1;
        try {
          results[index].caught = await judge(chosen[index], { seeds, base });
        } catch (error) {
          results[index].error = error.message;
        }
        report(results[index]);
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
  } finally {
    await base?.close();
    await rm(folder, { recursive: true, force: true });
  }
  return print(results);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
