#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { runCommandLine } from './command-line/command-line.js';
import { createOutput } from './terminal/output.js';

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
const args = process.argv.slice(2);
const output = createOutput({
  out: process.stdout,
  error: process.stderr,
  json: args.includes('--json'),
  color: process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb',
});

// A reader that has seen enough (`wa-sync sessions | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await runCommandLine({ args, env: process.env, version: manifest.version, output });
