// The commands of this repository: `node scripts/run.mjs <name> [args]`. Each installs what it needs first, so that a fresh clone with
// Node and npm is enough.
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled } from './ensure-installed.mjs';
import { root, run, runQuietly } from './run-process.mjs';
import { runTests } from './run-tests.mjs';

const EXAMPLES = { express: 'dist/main.js', nest: 'dist/app/main.js' };

const bin = (name) => join(root, 'node_modules/.bin', name);

const commands = {
  build: () => build(['-r']),
  test: runTests,
  async check() {
    await step('lint and import cycles', bin('biome'), ['check', '--error-on-warnings']);
    await step('types', bin('tsc'), ['-p', 'tsconfig.json']);
    await step('unused code', bin('knip'), []);
    await step('OpenAPI document', process.execPath, [join(root, 'scripts/lint-openapi.mjs')]);
    await build(['-r']);
    for (const folder of await publicPackages()) {
      await step(`package ${folder}`, bin('publint'), ['run', folder, '--strict', '--pack', 'pnpm']);
      await step(`types of ${folder}`, bin('attw'), ['--pack', folder, '--profile', 'node16', '--quiet']);
    }
    await step('bundle sizes', bin('size-limit'), []);
  },
  sim: (args) => run(process.execPath, [join(root, 'scripts/sim.mjs'), ...args]),
  mutants: (args) => run(process.execPath, [join(root, 'scripts/mutants.mjs'), ...args]),
  chaos: (args) =>
    run(process.execPath, [
      '--conditions=@wa-sync/source',
      '--import',
      'tsx',
      join(root, 'packages/chaos/src/main.ts'),
      ...args,
    ]),
  example: runExample,
  bench(args) {
    const entry = join(root, 'bench/src/run-bench.ts');
    return run(process.execPath, ['--conditions=@wa-sync/source', '--import', 'tsx', entry, ...args]);
  },
  async demo(args) {
    await build(['--filter', '@wa-sync/demo...']);
    await run(process.execPath, [join(root, 'examples/demo/dist/main.js'), ...args]);
  },
};

/** Runs an example app until it ends; how it ends on a signal is its own affair. */
async function runExample([name, ...args]) {
  const main = Object.hasOwn(EXAMPLES, name ?? '') ? EXAMPLES[name] : null;
  if (!main) throw new Error(`Usage: npm run example ${Object.keys(EXAMPLES).join(' | ')}`);
  await build(['--filter', `@wa-sync/${name}...`]);
  try {
    await run(process.execPath, [join(root, 'examples', name, main), ...args]);
  } catch (error) {
    // Nest ends itself by the signal that it got.
    if (error.signal === undefined) throw error;
  }
}

/** Builds the packages that `which` selects, in pnpm's words. */
async function build(which) {
  const started = Date.now();
  console.log('Building the packages');
  await runQuietly(bin('pnpm'), [...which, '--workspace-concurrency=2', 'run', 'build']);
  console.log(`Built in ${seconds(started)} s`);
}

async function step(name, command, args) {
  const started = Date.now();
  await run(command, args);
  console.log(`✓ ${name} (${seconds(started)} s)`);
}

async function publicPackages() {
  const folders = [];
  for (const parent of ['packages', 'examples']) {
    for (const name of await readdir(join(root, parent))) {
      const manifest = JSON.parse(await readFile(join(root, parent, name, 'package.json'), 'utf8'));
      if (!manifest.private) folders.push(join(parent, name));
    }
  }
  return folders;
}

function seconds(since) {
  return ((Date.now() - since) / 1000).toFixed(1);
}

const [name, ...args] = process.argv.slice(2);
const command = commands[name];
if (!command) {
  console.error(
    `Usage: node ${join(dirname(fileURLToPath(import.meta.url)), 'run.mjs')} ${Object.keys(commands).join(' | ')}`,
  );
  process.exit(1);
}
try {
  await ensureInstalled();
  await command(args);
} catch (error) {
  console.error(error.message);
  process.exitCode = error.exitCode ?? 1;
}
