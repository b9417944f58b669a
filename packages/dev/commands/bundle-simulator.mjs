// The simulator and the engine under it as one file: played from sources through a loader, a seed costs twice as much.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'tsup';
import { root } from './run-process.mjs';

/**
 * Makes the file in a temporary folder; `patches` are applied to the sources of core (below `from`) on their way into
 * it, and to no file.
 */
export async function bundleSimulator({ from = root, patches = [], name = '' } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'wa-sync-sim-'));
  const planted = new Set();
  process.chdir(from);
  await build({
    config: false,
    silent: true,
    clean: false,
    entry: { simulator: 'packages/dev/simulator/index.ts' },
    outDir: folder,
    outExtension: () => ({ js: '.mjs' }),
    format: 'esm',
    target: 'node20',
    platform: 'node',
    noExternal: [/.*/],
    splitting: false,
    sourcemap: 'inline',
    // Packages of the CommonJS kind ask for Node's own modules.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    esbuildOptions(options) {
      options.conditions = ['@wa-sync/source'];
      options.absWorkingDir = from;
    },
    esbuildPlugins: [{ name: 'plant', setup }],
  });
  for (const patch of patches) {
    if (!planted.has(patch)) throw new Error(`The mutant "${name}" changes ${patch.file}, which is not there`);
  }
  return {
    url: pathToFileURL(join(folder, 'simulator.mjs')).href,
    remove: () => rm(folder, { recursive: true, force: true }),
  };

  function setup({ onLoad }) {
    if (patches.length === 0) return;
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const own = patches.filter(({ file }) => path === join(from, 'packages/core/src', file));
      if (own.length === 0) return null;
      for (const patch of own) planted.add(patch);
      const source = await readFile(path, 'utf8');
      return { contents: own.reduce((text, patch) => applyPatch(text, patch, name), source), loader: 'ts' };
    });
  }
}

/** A patch that does not fit exactly once is an error, because the code has moved on. */
export function applyPatch(source, { file, find, replace }, name) {
  const places = source.split(find).length - 1;
  if (places !== 1) throw new Error(`The mutant "${name}" fits ${places} places of ${file} instead of one`);
  return source.replace(find, () => replace);
}
