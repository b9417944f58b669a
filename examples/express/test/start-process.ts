import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Program } from '@wa-sync/dev/example';

/** A program of the examples as a process of its own. */
export interface StartedProcess {
  readonly child: ChildProcess;
  /** All lines of both outputs so far. */
  readonly lines: readonly string[];
  /** Settles with the first line that fits, or rejects when the process has ended without. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** How it ended. */
  readonly closed: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Starts it with these variables alone. `detached`: in a process group of its own, as a terminal gives one. */
export function startProcess(
  program: Program,
  env: Record<string, string> = {},
  { detached = false }: { detached?: boolean } = {},
): StartedProcess {
  const child = spawn(process.execPath, program.args, {
    cwd: program.cwd,
    env: { PATH: process.env.PATH ?? '', NO_COLOR: '1', ...program.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached,
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
