// The simulator: `npm run sim -- --seeds N [--from S]` plays many worlds on two processes, `npm run sim -- --seed S`
// plays one and prints its history.
import { fork } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleSimulator } from './bundle-simulator.mjs';
import { root } from './run-process.mjs';

const self = fileURLToPath(import.meta.url);
const PROCESSES = 2;
const CHUNK = 20;
/** Below this number of seeds an invariant may not have come up; above it, that is a hole in the worlds. */
const ENOUGH_SEEDS = 150;
const SHOWN = 20;
/** Seeds between two lines of a run that nobody watches. */
const REPORT_EVERY = 1_000;

/** Numbers and lists of many seeds in one. */
export function createTotals() {
  return { seeds: 0, virtualMs: 0, cpuMs: 0, profiles: {}, hits: {}, tested: {}, violations: [] };
}

function add(into, from) {
  for (const [key, count] of Object.entries(from)) into[key] = (into[key] ?? 0) + count;
}

export function merge(totals, part) {
  totals.seeds += part.seeds;
  totals.virtualMs += part.virtualMs;
  totals.cpuMs += part.cpuMs;
  for (const key of ['profiles', 'hits', 'tested']) add(totals[key], part[key]);
  totals.violations.push(...part.violations);
}

/** Starts a process that plays worlds with a bundle of the simulator. */
export function startPlayer(url) {
  // A world leaves some megabytes behind, and nearly all of it is garbage by the next one.
  const execArgv = ['--max-semi-space-size=64', '--enable-source-maps'];
  return fork(self, ['--play', url], { cwd: root, execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

/** Has a player play `count` seeds from `from`; with `first` it stops at the first violation. */
export function play(player, from, count, { first = false } = {}) {
  return new Promise((resolve, reject) => {
    const onExit = (code) =>
      reject(new Error(`A process of the simulator ended with ${code} in the seeds ${from} to ${from + count - 1}`));
    player.once('exit', onExit);
    player.once('message', (part) => {
      player.off('exit', onExit);
      if (part.error) reject(new Error(part.error));
      else resolve(part);
    });
    player.send({ from, count, first });
  });
}

async function playSeeds(url, { from, count, first }) {
  const { runSeed } = await import(url);
  const totals = createTotals();
  for (let seed = from; seed < from + count; seed += 1) {
    const started = process.cpuUsage();
    const { profile, virtualMs, hits, tested, violations } = await runSeed(seed);
    const { user, system } = process.cpuUsage(started);
    const found = violations.map((violation) => ({ seed, ...violation }));
    merge(totals, {
      seeds: 1,
      virtualMs,
      cpuMs: (user + system) / 1_000,
      profiles: { [profile]: 1 },
      hits,
      tested,
      violations: found,
    });
    if (first && found.length > 0) break;
  }
  return totals;
}

function runPlayer(url) {
  // Ends with its parent, which reports what was seen so far.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
  process.on('message', (order) => {
    playSeeds(url, order).then(
      (part) => process.send(part),
      (error) => process.send({ error: error.stack ?? String(error) }),
    );
  });
  process.on('disconnect', () => process.exit());
}

async function runMany(url, from, seeds) {
  const totals = createTotals();
  const startedMs = performance.now();
  let next = from;
  let shown = 0;
  // A long run that is ended early still reports what it has seen.
  const stop = () => {
    next = from + seeds;
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
  const players = Array.from({ length: PROCESSES }, () => startPlayer(url));
  try {
    await Promise.all(
      players.map(async (player) => {
        while (next < from + seeds) {
          const first = next;
          const count = Math.min(CHUNK, from + seeds - first);
          next += count;
          const part = await play(player, first, count);
          merge(totals, part);
          for (const violation of part.violations.slice(0, Math.max(0, SHOWN - shown))) show(violation);
          shown += part.violations.length;
          progress(totals, seeds, startedMs);
        }
      }),
    );
  } finally {
    for (const player of players) player.disconnect();
  }
  if (process.stdout.isTTY) process.stdout.write('\n');
  return { totals, tookMs: performance.now() - startedMs };
}

function show({ seed, invariant, t, words }) {
  console.log(`\n${invariant} broken at ${t} ms: ${words}\n  npm run sim -- --seed ${seed}`);
}

function progress(totals, seeds, startedMs) {
  const perSecond = totals.seeds / ((performance.now() - startedMs) / 1_000);
  const words = `${totals.seeds} of ${seeds} seeds, ${perSecond.toFixed(1)} a second, ${totals.violations.length} violations`;
  if (process.stdout.isTTY) process.stdout.write(`\r${words} `);
  else if (totals.seeds % REPORT_EVERY === 0) console.log(words);
}

function printHits(hits) {
  const byFault = new Map();
  for (const [key, count] of Object.entries(hits)) {
    const [fault, met] = key.split(' ');
    const states = byFault.get(fault) ?? [];
    states.push([met, count]);
    byFault.set(fault, states);
  }
  console.log('\nFaults and what they met');
  for (const [fault, states] of [...byFault].sort(([a], [b]) => a.localeCompare(b))) {
    const total = states.reduce((sum, [, count]) => sum + count, 0);
    const list = states.sort((a, b) => b[1] - a[1]).map(([met, count]) => `${met} ${count}`);
    console.log(`  ${fault.padEnd(20)} ${String(total).padStart(7)}  ${list.join(', ')}`);
  }
}

function report({ totals, tookMs }, { INVARIANTS, FAULT_KINDS }) {
  printHits(totals.hits);
  console.log('\nInvariants and how often they were put to the test');
  const broken = new Map(
    INVARIANTS.map(({ name }) => [name, totals.violations.filter((one) => one.invariant === name).length]),
  );
  for (const { name, promise } of INVARIANTS) {
    console.log(
      `  ${name.padEnd(4)} ${String(totals.tested[name] ?? 0).padStart(9)}  ${broken.get(name) === 0 ? 'held' : `BROKEN ${broken.get(name)} times`}  ${promise}`,
    );
  }
  if (totals.violations.length > SHOWN) console.log(`\nand ${totals.violations.length - SHOWN} more violations`);
  const untested = INVARIANTS.filter(({ name }) => !totals.tested[name]).map(({ name }) => name);
  const unmet = FAULT_KINDS.filter((kind) => !Object.keys(totals.hits).some((key) => key.startsWith(`${kind} `)));
  const holes = totals.seeds < ENOUGH_SEEDS ? [] : [...untested, ...unmet];
  if (holes.length > 0) console.log(`\nNever put to the test: ${holes.join(', ')}`);
  const profiles = Object.entries(totals.profiles).map(([profile, count]) => `${count} ${profile}`);
  const minutes = (totals.virtualMs / 60_000 / totals.seeds).toFixed(1);
  console.log(
    `\n${totals.seeds} seeds (${profiles.join(', ')}), ${minutes} virtual minutes each, in ${(tookMs / 1_000).toFixed(1)} s, ` +
      `${(totals.cpuMs / totals.seeds).toFixed(1)} ms of processor a seed, ${totals.violations.length} violations`,
  );
  return totals.violations.length > 0 || holes.length > 0 ? 1 : 0;
}

/** One seed, entry by entry. */
async function replay(seed, { runSeed, printHistory, hashHistory }) {
  const { history, violations, ...rest } = await runSeed(seed);
  const lines = printHistory(history);
  await new Promise((resolve) => process.stdout.write(`${lines}\n`, resolve));
  for (const { invariant, t, words } of violations) console.log(`${invariant} broken at ${t} ms: ${words}`);
  const { profile, virtualMs, replicas, sessions, faultKinds, entries } = rest;
  console.log(
    `Seed ${seed}: ${profile}, ${virtualMs / 1_000} s, ${replicas} replicas, ${sessions} sessions, ${faultKinds} kinds of fault, ` +
      `${entries} entries, ${violations.length} violations\nSHA-256 ${hashHistory(history)}`,
  );
  return violations.length > 0 ? 1 : 0;
}

function readArguments(args) {
  const options = { seeds: 1_000, from: 1, seed: null };
  for (let index = 0; index < args.length; index += 2) {
    const name = args[index]?.replace(/^--/, '');
    const value = Number(args[index + 1]);
    if (!(name in options) || !args[index].startsWith('--') || !Number.isInteger(value) || value < 0) {
      throw new Error('Usage: npm run sim -- [--seeds N] [--from S] | --seed S');
    }
    options[name] = value;
  }
  return options;
}

async function main(args) {
  const { seeds, from, seed } = readArguments(args);
  const bundle = await bundleSimulator();
  try {
    const simulator = await import(bundle.url);
    if (seed !== null) return await replay(seed, simulator);
    return report(await runMany(bundle.url, from, seeds), simulator);
  } finally {
    await bundle.remove();
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [mode, url] = process.argv.slice(2);
  if (mode === '--play') runPlayer(url);
  else {
    try {
      process.exitCode = await main(process.argv.slice(2));
    } catch (error) {
      console.error(error.message);
      process.exitCode = 1;
    }
  }
}
