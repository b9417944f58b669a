import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A script of an example as a process of its own. */
export interface StartedProcess {
  readonly child: ChildProcess;
  /** All lines of both outputs so far. */
  readonly lines: readonly string[];
  /** Settles with the first line that fits, or rejects when the process has ended without. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** How it ended. */
  readonly closed: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export function startProcess(script: URL, env: Record<string, string> = {}): StartedProcess {
  const child = spawn(process.execPath, ['--conditions=@wa-sync/source', '--import', 'tsx', fileURLToPath(script)], {
    // Here tsx finds the tsconfig that says what decorators mean.
    cwd: fileURLToPath(new URL('.', script)),
    env: { PATH: process.env.PATH ?? '', NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on('line', (line) => {
      lines.push(line);
      for (const look of waiting) look();
    });
  }
  const closed = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  return {
    child,
    lines,
    closed,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = lines.map((line) => pattern.exec(line)).find((match) => match !== null);
          if (!found) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
        void closed.then(() => reject(new Error(`ended without a line like ${pattern}:\n${lines.join('\n')}`)));
      }),
  };
}
