import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import type { TestProject } from 'vitest/node';

/** What `npm run pack` wrote, and said. */
export interface Packed {
  /** The folder of the tarballs. */
  readonly folder: string;
  /** The line to paste into an app. */
  readonly installLine: string;
  /** From a package's name to its file. */
  readonly tarballs: Readonly<Record<string, string>>;
  /** From a package's name to those of ours that it depends on. */
  readonly dependencies: Readonly<Record<string, readonly string[]>>;
}

declare module 'vitest' {
  interface ProvidedContext {
    packed: Packed;
  }
}

/** The repository's folder. */
export const root = join(import.meta.dirname, '../../..');

/** The packages as this run built and packed them, once for all tests. */
export const packTarballs = (): Packed => inject('packed');

/** The folders of all packages that are published, below the repository's. */
export async function publicFolders(): Promise<{ folder: string; name: string; needs: string[] }[]> {
  const found: { folder: string; name: string; needs: string[] }[] = [];
  for (const parent of ['packages', 'examples']) {
    for (const entry of await readdir(join(root, parent), { withFileTypes: true })) {
      const folder = join(parent, entry.name);
      // A package that moved away leaves its ignored files behind.
      if (!existsSync(join(root, folder, 'package.json'))) continue;
      const manifest: { name: string; private?: boolean; dependencies?: Record<string, string> } = JSON.parse(
        await readFile(join(root, folder, 'package.json'), 'utf8'),
      );
      if (manifest.private !== true) found.push({ folder, name: manifest.name, needs: oursIn(manifest.dependencies) });
    }
  }
  return found;
}

const oursIn = (dependencies: Record<string, string> = {}) =>
  Object.keys(dependencies).filter((name) => dependencies[name]?.startsWith('workspace:'));

/** Runs the command as a person would. */
export async function runPack(args: readonly string[]): Promise<string> {
  const command = [join(root, 'packages/dev/commands/run.mjs'), 'pack', ...args];
  return (await promisify(execFile)(process.execPath, command, { cwd: root, maxBuffer: 2 ** 26 })).stdout;
}

export default async function setup(project: TestProject) {
  const folder = await mkdtemp(join(tmpdir(), 'wa-sync-packed-'));
  const said = await runPack(['--out', folder]);
  const installLine = said.split('\n').find((line) => line.startsWith('npm install '));
  if (installLine === undefined) throw new Error(`npm run pack printed no line to install:\n${said}`);
  const files = await readdir(folder);
  const tarballs: Record<string, string> = {};
  const dependencies: Record<string, string[]> = {};
  for (const { name, needs } of await publicFolders()) {
    dependencies[name] = needs;
    const stem = `${name.replace('@', '').replace('/', '-')}-`;
    const file = files.find((each) => each.startsWith(stem) && /^\d/.test(each.slice(stem.length)));
    if (file === undefined) throw new Error(`npm run pack wrote no tarball of ${name}`);
    tarballs[name] = join(folder, file);
  }
  project.provide('packed', { folder, installLine, tarballs, dependencies });
  return () => rm(folder, { recursive: true, force: true });
}
