#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { runCommandLine } from './cli/command-line.js';

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
// A reader that has seen enough (`fake-whatsapp | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interrupted.abort());

process.exitCode = await runCommandLine({
  args: process.argv.slice(2),
  version: manifest.version,
  print: (line) => console.log(line),
  fail: (line) => console.error(line),
  lines: createInterface({ input: process.stdin }),
  signal: interrupted.signal,
});
// A terminal that is still read would keep the process.
process.stdin.destroy();
