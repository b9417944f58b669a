import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A program that the workspace's dependencies bring. */
export const bin = (name) => join(root, 'node_modules/.bin', name);

/** Runs a program to its end; rejects with its exit code when it fails. Signals to us are passed on. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: 'inherit',
      shell: process.platform === 'win32',
      ...options,
    });
    const pass = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM'];
    for (const signal of signals) process.on(signal, pass);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      for (const name of signals) process.off(name, pass);
      if (code === 0) return resolve();
      reject(
        Object.assign(new Error(`${command} ended with ${signal ?? code}`), {
          exitCode: code ?? 1,
          signal: signal ?? undefined,
        }),
      );
    });
  });
}

/** Runs a program whose output matters only when it fails. */
export function runQuietly(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    const said = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(chunk));
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) return resolve();
      process.stderr.write(Buffer.concat(said));
      reject(Object.assign(new Error(`${command} ended with ${code}`), { exitCode: code ?? 1 }));
    });
  });
}
