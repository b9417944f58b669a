import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { RAN } from './write-page.js';

const ENDS_WITHIN_MS = 60_000;

/** One process that runs a page's code. */
export interface StartedPage {
  /** Resolves once all of the page's code has run. */
  readonly ran: Promise<void>;
  /** Rejects as soon as the process has ended by itself. */
  readonly failed: Promise<never>;
  /** SIGTERM, as at a deploy: the exit code, or the signal that ended it, and what stood on its error output. */
  end(): Promise<{ end: number | string; errors: string }>;
  kill(): void;
  /** All that it wrote until now. */
  said(): string;
}

export function startPage(file: string, env: Readonly<Record<string, string>>): StartedPage {
  const child: ChildProcess = spawn(process.execPath, ['--conditions=@wa-sync/source', '--import', 'tsx', file], {
    env: {
      PATH: process.env.PATH ?? '',
      NO_COLOR: '1',
      TSX_TSCONFIG_PATH: join(dirname(file), 'tsconfig.json'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  let output = '';
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    errors += part;
  });
  const ran = new Promise<void>((resolve) => {
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      output += part;
      if (output.includes(RAN)) resolve();
    });
  });
  const closed = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  const failed = closed.then((end) => {
    throw new Error(`${file} ended by itself with ${end}`);
  });
  failed.catch(() => {});
  return {
    ran,
    failed,
    async end() {
      child.kill('SIGTERM');
      const limit = setTimeout(() => child.kill('SIGKILL'), ENDS_WITHIN_MS);
      const end = await closed;
      clearTimeout(limit);
      return { end, errors };
    },
    kill: () => void child.kill('SIGKILL'),
    said: () => `${errors}\n${output}`,
  };
}
