import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root, run } from './run-process.mjs';

/** Installs the workspace when its lockfile is not the one that was installed last. */
export async function ensureInstalled() {
  const lockfile = await readFile(join(root, 'pnpm-lock.yaml'));
  const wanted = createHash('sha256').update(lockfile).digest('hex');
  const stamp = join(root, 'node_modules/.installed-lockfile');
  const installed = await readFile(stamp, 'utf8').catch(() => null);
  if (installed === wanted) return;
  const { devDependencies, engines } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new Error(`Node ${process.versions.node} is too old: this repository needs ${engines.node}`);
  }
  const started = Date.now();
  console.log('Installing the workspace');
  await run('npx', ['-y', `pnpm@${devDependencies.pnpm}`, 'install', '--frozen-lockfile', '--reporter=append-only'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await writeFile(stamp, wanted);
  console.log(`Installed in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}
