import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

const root = fileURLToPath(new URL('..', import.meta.url));
let bundling: Promise<string> | undefined;

/**
 * One file of our sources, made once a test file: as a process it starts five times as fast as what is compiled while
 * it starts.
 */
async function bundle(): Promise<string> {
  // One folder below the package, as when it is installed: the program searches its manifest from there.
  const outDir = join(root, '.wa-sync');
  const name = `main-${process.pid}`;
  await build({
    config: false,
    entry: { [name]: join(root, 'src/main.ts') },
    outDir,
    format: ['esm'],
    target: 'node20',
    silent: true,
    noExternal: [/^@wa-sync\//],
    // What is CommonJS inside the bundle still asks for node's own modules by `require`.
    banner: { js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);` },
    esbuildOptions(options) {
      options.conditions = ['@wa-sync/source'];
    },
  });
  const file = join(outDir, `${name}.js`);
  process.once('exit', () => rmSync(file, { force: true }));
  return file;
}

/** The program and its arguments. */
export async function commandOf(args: readonly string[]): Promise<readonly [string, ...string[]]> {
  bundling ??= bundle();
  return [process.execPath, await bundling, ...args];
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
