import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished } from 'vitest';
import { commandOf } from './run-cli.js';

// util-linux has it, and so do macOS (with other options) and most images; a test that needs a terminal cannot do
// without.
export const hasScript =
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') === true;
if (!hasScript) console.warn('Not tested on a terminal: install script of util-linux (bsdutils on Debian)');

/** Runs `wa-sync` on a terminal of its own: what it prints on both streams, and a keyboard. */
export async function runOnTerminal(args: readonly string[], env: Readonly<Record<string, string>>) {
  const line = (await commandOf(args)).map((part) => `'${part}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    env: { PATH: process.env.PATH ?? '', TERM: 'xterm', SHELL: '/bin/sh', ...env },
  });
  onTestFinished(() => {
    if (child.exitCode === null) child.kill('SIGKILL');
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    said += part;
  });
  const closed = once(child, 'close').then(([code]) => code as number | null);
  return {
    said: () => said,
    type: (text: string) => child.stdin.write(text),
    closed,
    /** A terminal gives no signal but what it shows. */
    shows: (pattern: RegExp) => expect.poll(() => said, { timeout: 60_000, interval: 50 }).toMatch(pattern),
  };
}
