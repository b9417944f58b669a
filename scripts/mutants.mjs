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
async function makeCopy(folder, from) {
  const parts = ['package.json', 'vitest.config.ts', 'tsconfig.json', 'tsconfig.base.json', 'scripts/sim.mjs', 'docs'];
  for (const name of ['core', 'testing'])
    for (const part of ['src', 'test', 'package.json']) parts.push(`packages/${name}/${part}`);
  for (const part of parts) await cp(join(from, part), join(folder, part), { recursive: true });
  for (const name of ['.', 'packages/core', 'packages/testing']) {
    await linkModules(join(root, name, 'node_modules'), join(folder, name, 'node_modules'), folder);
  }
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

/** The first seed up to `seeds` in which the simulator sees the mutant. */
async function bySimulator(folder, seeds) {
  const player = startPlayer(folder);
  try {
    for (let from = 1; from <= seeds; from += CHUNK) {
      const { violations } = await play(player, from, Math.min(CHUNK, seeds - from + 1), { first: true });
      const [first] = violations;
      if (!first) continue;
      const names = [...new Set(violations.map((one) => one.invariant))];
      return { by: names.join(', '), seeds: first.seed, words: first.words };
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

/** What is red without any mutant has caught nothing: seeds and tests of the copy that all others are made from. */
function createBase(base) {
  let failing = null;
  return {
    tests: () => {
      failing ??= failingTests(base);
      return failing;
    },
    async seed(seed) {
      const player = startPlayer(base);
      try {
        return (await play(player, seed, 1)).violations;
      } finally {
        player.disconnect();
      }
    },
  };
}

async function judge(mutant, { seeds, base }) {
  const folder = await mkdtemp(join(tmpdir(), 'wa-sync-mutant-'));
  try {
    await makeCopy(folder, base.folder);
    await plant(folder, mutant);
    const caught = await bySimulator(folder, seeds);
    if (caught) {
      const [red] = await base.seed(caught.seeds);
      if (red) throw new Error(`Seed ${caught.seeds} breaks ${red.invariant} without the mutant as well`);
      return caught;
    }
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

function tell({ name, caught, error }) {
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
  try {
    await makeCopy(folder, root);
    const base = { folder, ...createBase(folder) };
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
        tell(results[index]);
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
  } finally {
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
