// `npm run pack`: the published packages as tarballs, for an app that wants them before a release, or with a change of
// its own.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build, publicPackages } from './build-packages.mjs';
import { bin, root, runQuietly } from './run-process.mjs';

/** What the README's first screen mounts. */
const BY_DEFAULT = ['express', 'postgres', 'baileys'];

const TARBALL = /^wa-sync-.*\.tgz$/;

export async function packForApp(args) {
  const packages = await publicPackages();
  const byShort = new Map(packages.map(({ short, manifest }) => [short, manifest.name]));
  const { values, positionals } = readArgs(args);
  if (values.help) return console.log(usage(byShort));
  const names = new Set(packages.map(({ manifest }) => manifest.name));
  const wanted = (positionals.length > 0 ? positionals : BY_DEFAULT).map((name) => {
    const full = names.has(name) ? name : byShort.get(name);
    if (full === undefined)
      throw new Error(`There is no package "${name}"; npm run pack takes: ${[...byShort.keys()].join(' ')}`);
    return full;
  });

  await build(packages.map(({ manifest }) => manifest.name));
  const out = resolve(root, values.out ?? 'dist-packages');
  await mkdir(out, { recursive: true });
  for (const old of await readdir(out)) if (TARBALL.test(old)) await rm(join(out, old));
  const select = packages.flatMap(({ manifest }) => ['--filter', manifest.name]);
  await runQuietly(bin('pnpm'), ['-r', ...select, 'pack', '--pack-destination', out]);
  const tarballs = new Map();
  for (const { manifest } of packages) tarballs.set(manifest.name, await nameByContent(out, manifest));

  const paths = [...withOwnDependencies(wanted, packages)].sort().map((name) => quote(tarballs.get(name)));
  const others = [...byShort].filter(([, name]) => !wanted.includes(name)).map(([name]) => name);
  console.log(`Wrote ${tarballs.size} packages to ${out}`);
  console.log(`In the folder of your app (for others: npm run pack -- ${others.join(' ')}):\n`);
  console.log(`npm install ${paths.join(' ')}`);
}

function readArgs(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { out: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
  } catch (error) {
    throw new Error(`${error.message}. See: npm run pack -- --help`);
  }
}

function usage(short) {
  return `Usage: npm run pack -- [package ...] [--out DIR]

Builds all published packages, writes them as tarballs to dist-packages/ (or DIR), and prints the line that installs
the named ones and what they need of each other in an app. Without a name: ${BY_DEFAULT.join(' ')}.

Packages: ${[...short.keys()].join(' ')}`;
}

/**
 * A changed package keeps its version, so its file gets a name by content: npm takes a path that an app has in its
 * lockfile for what it was when it was locked.
 */
async function nameByContent(out, { name, version }) {
  const stem = `${name.replace('@', '').replace('/', '-')}-${version}`;
  const packed = join(out, `${stem}.tgz`);
  const hash = createHash('sha256')
    .update(await readFile(packed))
    .digest('hex');
  const path = join(out, `${stem}-${hash.slice(0, 8)}.tgz`);
  await rename(packed, path);
  return path;
}

/** npm does not search the dependencies of a tarball beside it: all that are ours stand in one line. */
function withOwnDependencies(wanted, packages) {
  const all = new Set();
  const add = (name) => {
    if (all.has(name)) return;
    all.add(name);
    const { manifest } = packages.find((each) => each.manifest.name === name);
    for (const [other, range] of Object.entries(manifest.dependencies ?? {}))
      if (range.startsWith('workspace:')) add(other);
  };
  for (const name of wanted) add(name);
  return all;
}

const quote = (path) => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`);
