import { execFile } from 'node:child_process';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandOf } from '../../../../cli/test/run-cli.js';
import { root } from '../read-docs.js';

/** How a command ended. */
export interface Ended {
  readonly code: number;
  readonly said: string;
}

/**
 * A folder with `wa-sync` and `npx` in it, as a reader has them on PATH; `npx` starts nothing but the command of this
 * repository.
 */
export async function makeBin(): Promise<string> {
  const folder = await mkdtemp(join(root, 'packages/dev/docs-checks/dist/bin-'));
  const program = (await commandOf([])).map((part) => `'${part}'`).join(' ');
  const files = {
    'wa-sync': `#!/bin/sh\nexec ${program} "$@"\n`,
    npx: `#!/bin/sh\n[ "$1" = wa-sync ] || exit 127\nshift\nexec wa-sync "$@"\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), text);
    await chmod(join(folder, name), 0o755);
  }
  return folder;
}

/** Runs a line of a page in bash, with nothing of our environment but PATH. */
export function runCommand(line: string, { bin, cwd }: { bin: string; cwd: string }): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { PATH: `${bin}:${process.env.PATH ?? ''}` };
    execFile('bash', ['--norc', '-euo', 'pipefail', '-c', line], { cwd, env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), said: `${out}${err}` });
    });
  });
}
