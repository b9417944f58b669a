import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from '@wa-sync/dev/fixtures/bundle-program';

/** The program and its arguments. */
export async function commandOf(args: readonly string[]): Promise<readonly [string, ...string[]]> {
  // One folder below the package, as when it is installed: the program looks for its manifest from there.
  const folder = fileURLToPath(new URL('../.wa-sync', import.meta.url));
  const entry = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  return [process.execPath, await bundleProgram({ entry, folder }), ...args];
}

/** How a process ended, and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** Runs `wa-sync` as a process of its own, with nothing of our environment but PATH. */
export async function runCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const [program, ...rest] = await commandOf(args);
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      env: { PATH: process.env.PATH ?? '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let error = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      out += part;
    });
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      error += part;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, error }));
  });
}
