// Planted defects: each is a patch to a copy of the engine in a temporary folder, and must be caught by the simulator, or else by a test of core. `npm run mutants
// [-- --seeds N] [-- --only name]`. Nothing in the tree is changed, and no patch ever ships.
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MUTANTS } from './mutants-list.mjs';
import { play, startPlayer } from './sim.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const SIDE_BY_SIDE = 2;
const CHUNK = 25;

/** A copy of what the simulator and core's tests need, with the rest of the repository linked. */
async function makeCopy(folder) {
  await mkdir(join(folder, 'scripts'), { recursive: true });
  await cp(join(root, 'scripts/sim.mjs'), join(folder, 'scripts/sim.mjs'));
  for (const file of ['package.json', 'vitest.config.ts', 'tsconfig.json', 'tsconfig.base.json'])
    await cp(join(root, file), join(folder, file));
  for (const name of ['core', 'testing']) {
    const from = join(root, 'packages', name);
    const to = join(folder, 'packages', name);
    for (const part of ['src', 'test', 'package.json']) await cp(join(from, part), join(to, part), { recursive: true });
    await linkModules(join(from, 'node_modules'), join(to, 'node_modules'), folder);
  }
  await linkModules(join(root, 'node_modules'), join(folder, 'node_modules'), folder);
  await cp(join(root, 'docs'), join(folder, 'docs'), { recursive: true });
}

/** Links installed packages, but takes our own two from the copy. */
async function linkModules(from, to, folder) {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) {
    if (name === '@wa-sync') continue;
    await symlink(join(from, name), join(to, name));
  }
  await mkdir(join(to, '@wa-sync'), { recursive: true });
  for (const name of ['core', 'testing']) await symlink(join(folder, 'packages', name), join(to, '@wa-sync', name));
}

/** Applies a mutant; a patch that does not fit exactly once is an error, because the code has moved on. */
async function plant(folder, { name, patches }) {
  for (const { file, find, replace } of patches) {
    const path = join(folder, 'packages/core/src', file);
    const source = await readFile(path, 'utf8');
    const places = source.split(find).length - 1;
    if (places !== 1) throw new Error(`The mutant "${name}" fits ${places} places of ${file} instead of one`);
    await writeFile(
      path,
      source.replace(find, () => replace),
    );
  }
}

async function bySimulator(folder, seeds) {
  const player = startPlayer(folder);
  try {
    for (let from = 1; from <= seeds; from += CHUNK) {
      const { violations } = await play(player, from, Math.min(CHUNK, seeds - from + 1), { first: true });
      const [first] = violations;
      if (first) {
        const names = [...new Set(violations.map((one) => one.invariant))];
        return { by: names.join(', '), seeds: first.seed, words: first.words };
      }
    }
    return null;
  } finally {
    player.disconnect();
  }
}

/** Names of core's tests that fail in a copy. */
async function failingTests(folder) {
  const report = join(folder, 'report.json');
  const vitest = join(folder, 'node_modules/vitest/vitest.mjs');
  await new Promise((resolve) => {
    const args = [vitest, 'run', 'packages/core/test', '--reporter=json', `--outputFile=${report}`];
    spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' }).on('exit', resolve);
  });
  const { testResults } = JSON.parse(await readFile(report, 'utf8'));
  const failed = testResults.flatMap((file) => file.assertionResults.filter((one) => one.status === 'failed'));
  return failed.map((one) => one.fullName);
}

let unplanted = null;

/** A test that fails without the mutant as well has caught nothing. */
async function byTests(folder) {
  unplanted ??= inCopy((copy) => failingTests(copy));
  const before = new Set(await unplanted);
  const failed = (await failingTests(folder)).filter((name) => !before.has(name));
  return failed.length > 0 ? { by: `test: ${failed[0]}`, seeds: null, words: `${failed.length} tests fail` } : null;
}

async function inCopy(work) {
  const folder = await mkdtemp(join(tmpdir(), 'wa-sync-mutant-'));
  try {
    await makeCopy(folder);
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function judge(mutant, seeds) {
  return inCopy(async (folder) => {
    await plant(folder, mutant);
    return (await bySimulator(folder, seeds)) ?? (await byTests(folder));
  });
}

function print(results) {
  const width = Math.max(...results.map(({ name }) => name.length));
  console.log(`\n${'mutant'.padEnd(width)}  seeds  caught by`);
  for (const { name, caught, error } of results) {
    const seeds = caught?.seeds ?? '-';
    console.log(`${name.padEnd(width)}  ${String(seeds).padStart(5)}  ${error ?? caught?.by ?? 'NOBODY'}`);
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

async function main() {
  const { seeds, only } = readArguments(process.argv.slice(2));
  const chosen = MUTANTS.filter(({ name }) => only === null || name.includes(only));
  const results = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: SIDE_BY_SIDE }, async () => {
      while (next < chosen.length) {
        const mutant = chosen[next];
        next += 1;
        const result = { name: mutant.name, caught: null };
        results.push(result);
        try {
          result.caught = await judge(mutant, seeds);
        } catch (error) {
          result.error = error.message;
        }
        const { caught } = result;
        console.log(
          `${mutant.name}: ${caught ? `${caught.by}${caught.seeds ? ` at seed ${caught.seeds}` : ''} (${caught.words})` : (result.error ?? 'NOT CAUGHT')}`,
        );
      }
    }),
  );
  return print(results);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
