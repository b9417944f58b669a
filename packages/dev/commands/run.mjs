// The commands of this repository: `node packages/dev/commands/run.mjs <name> [args]`. Each installs what it needs
// first, so that a fresh clone with Node and npm is enough.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, publicPackages } from './build-packages.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { packForApp } from './pack.mjs';
import { bin, root, run } from './run-process.mjs';
import { runAllTests, runHostTests, runTests } from './run-tests.mjs';

const commands = {
  build: () => build(),
  pack: packForApp,
  test: runTests,
  'test:hosts': runHostTests,
  'test:all': runAllTests,
  async check() {
    await step('lint and import cycles', bin('biome'), ['check', '--error-on-warnings']);
    await step('arrows between folders', bin('depcruise'), [
      '--config',
      '.dependency-cruiser.mjs',
      'packages',
      'examples',
    ]);
    await step('sizes of source files', process.execPath, [join(root, 'packages/dev/commands/check-sizes.mjs')]);
    await step('types', bin('tsc'), ['-p', 'tsconfig.json']);
    await step('unused code', bin('knip'), []);
    await step('OpenAPI document', process.execPath, [join(root, 'packages/dev/commands/lint-openapi.mjs')]);
    await build();
    for (const { folder } of await publicPackages()) {
      await step(`package ${folder}`, bin('publint'), ['run', folder, '--strict', '--pack', 'pnpm']);
      await step(`types of ${folder}`, bin('attw'), ['--pack', folder, '--profile', 'node16', '--quiet']);
    }
    await step('bundle sizes', bin('size-limit'), []);
  },
  sim: (args) => run(process.execPath, [join(root, 'packages/dev/commands/sim.mjs'), ...args]),
  mutants: (args) => run(process.execPath, [join(root, 'packages/dev/mutants/run-mutants.mjs'), ...args]),
  chaos: (args) => runSource('packages/dev/chaos/main.ts', args),
  example: runExample,
  bench: (args) => runSource('packages/dev/bench/run-bench.ts', args),
  demo: (args) => runSource('packages/dev/demo/main.ts', args),
};

/** Runs a program of `packages/dev`, and the packages under it, without a build. */
function runSource(entry, args) {
  return run(process.execPath, ['--conditions=@wa-sync/source', '--import', 'tsx', join(root, entry), ...args]);
}

/** The launcher says itself why it ends. */
async function runExample(args) {
  await runSource('packages/dev/example/run-example.ts', args).catch((error) => {
    process.exitCode = error.exitCode ?? 1;
  });
}

async function step(name, command, args) {
  const started = Date.now();
  await run(command, args);
  console.log(`✓ ${name} (${seconds(started)} s)`);
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
