import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { bin, root, runQuietly } from './run-process.mjs';

/** What every build reads beside its own folder. */
const SHARED = ['pnpm-lock.yaml', 'tsconfig.base.json'];

/**
 * Runs from source: no build reads it. It needs the packages and their tests need it, which is a circle only to a
 * builder.
 */
const DEV = '@wa-sync/dev';

/** Not read by a build; `app` is the example beside a package. */
const LEFT_OUT = new Set(['app', 'dist', 'node_modules', 'test']);

/**
 * Builds the named packages (all, unless given) and those of the workspace that they stand on; one whose inputs are
 * those of its last build is left as it is. What was built from what is kept outside of `dist`, which is published.
 */
export async function build(names) {
  const started = Date.now();
  const workspace = await readWorkspace();
  const stale = [];
  for (const name of withDependencies(names ?? [...workspace.keys()], workspace)) {
    const { folder, manifest } = workspace.get(name);
    if (!manifest.scripts?.build) continue;
    const stamp = join(root, 'node_modules/.built', name.replace('/', '-'));
    const inputs = await hashOf(withDependencies([name], workspace), workspace);
    const built = await readFile(stamp, 'utf8').catch(() => null);
    if (built !== inputs || !existsSync(join(root, folder, 'dist'))) stale.push({ name, stamp, inputs });
  }
  if (stale.length === 0) return;
  console.log('Building the packages');
  for (const { stamp } of stale) await rm(stamp, { force: true });
  for (const wave of inWaves(new Set(stale.map(({ name }) => name)), workspace)) {
    const select = wave.flatMap((name) => ['--filter', name]);
    // pnpm would order them through DEV, and refuse the circle.
    await runQuietly(bin('pnpm'), ['-r', '--no-sort', ...select, '--workspace-concurrency=2', 'run', 'build']);
  }
  await mkdir(join(root, 'node_modules/.built'), { recursive: true });
  for (const { stamp, inputs } of stale) await writeFile(stamp, inputs);
  console.log(`Built in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** The packages that are published, each with its folder below the repository's. */
export async function publicPackages() {
  return [...(await readWorkspace()).values()].filter(({ manifest }) => !manifest.private);
}

/** All packages by name, sorted, that have a folder directly below one of these. */
async function readWorkspace() {
  const packages = new Map();
  for (const parent of ['packages', 'examples']) {
    for (const entry of await readdir(join(root, parent), { withFileTypes: true })) {
      const folder = join(parent, entry.name);
      // A package that moved away leaves its ignored files behind.
      if (!existsSync(join(root, folder, 'package.json'))) continue;
      const manifest = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8'));
      packages.set(manifest.name, { short: basename(folder), folder, manifest });
    }
  }
  return packages;
}

/** The named packages and those of ours that they need, to run or to be built. */
function withDependencies(names, workspace, all = new Set()) {
  for (const name of names) {
    if (all.has(name)) continue;
    all.add(name);
    const { dependencies, devDependencies } = workspace.get(name).manifest;
    const needed = Object.entries({ ...devDependencies, ...dependencies });
    withDependencies(
      needed.filter(([other, range]) => range.startsWith('workspace:') && other !== DEV).map(([other]) => other),
      workspace,
      all,
    );
  }
  return all;
}

/** The names in groups, each after all that it needs. */
function* inWaves(names, workspace) {
  const left = new Set(names);
  while (left.size > 0) {
    const needs = (name) => [...withDependencies([name], workspace)].some((other) => other !== name && left.has(other));
    const wave = [...left].filter((name) => !needs(name));
    if (wave.length === 0) throw new Error(`These packages need each other: ${[...left].join(' ')}`);
    yield wave;
    for (const name of wave) left.delete(name);
  }
}

async function hashOf(names, workspace) {
  const hash = createHash('sha256');
  const add = async (path) => hash.update(`${path}\0`).update(await readFile(join(root, path)));
  for (const path of SHARED) await add(path);
  for (const name of [...names].sort()) {
    for (const path of await filesBelow(workspace.get(name).folder)) await add(path);
  }
  return hash.digest('hex');
}

async function filesBelow(folder) {
  const paths = [];
  for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (LEFT_OUT.has(entry.name)) continue;
    if (entry.isDirectory()) paths.push(...(await filesBelow(path)));
    else if (!entry.name.endsWith('.md')) paths.push(path);
  }
  return paths.sort();
}
