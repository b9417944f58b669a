import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packTarballs } from './pack-packages.js';

/** What a program of an app wrote until it ended. */
export interface Ended {
  readonly code: number | null;
  /** What ended it, where it did not end by itself. */
  readonly signal: NodeJS.Signals | null;
  /** Both streams, as they came. */
  readonly output: string;
}

/** A program of an app that goes on. */
export interface Running {
  readonly pid: number;
  output(): string;
  /**
   * The first match in what it writes, or in what it writes behind the first `after` characters; rejects with its
   * output when it ends or three minutes are over before.
   */
  waitFor(pattern: RegExp, after?: number): Promise<RegExpMatchArray>;
  /** Sends `signal`, then SIGKILL when it is still there after 45 s. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

/** A folder outside the repository, as a host has one. */
export interface HostApp {
  readonly folder: string;
  /** What npm had to say of peers while it installed, a line each. */
  readonly peerWarnings: readonly string[];
  /** `npm install` with these words, peers resolved strictly; returns what npm had to say of peers. */
  install(words: readonly string[]): Promise<readonly string[]>;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  /** Runs to the end. Rejects with the output when it ends with another code than `expect`, 0 unless given. */
  run(command: string, args?: readonly string[], options?: RunOptions): Promise<Ended>;
  start(command: string, args?: readonly string[], options?: RunOptions): Running;
  /** Stops what still runs and deletes the folder. */
  remove(): Promise<void>;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly expect?: number;
  readonly timeoutMs?: number;
}

export interface HostAppOptions {
  readonly name: string;
  /** Of the app itself, from the registry. */
  readonly dependencies?: Readonly<Record<string, string>>;
  /** Ours, by the package's full name; those that they depend on come with them. */
  readonly packages?: readonly string[];
  readonly overrides?: Readonly<Record<string, string>>;
  /** From a path to what it holds. */
  readonly files?: Readonly<Record<string, string>>;
  /** `"type"` of its package.json; CommonJS unless given. */
  readonly type?: 'module' | 'commonjs';
  /** `false`: a line of a page does it later. */
  readonly install?: boolean;
}

/** Bounds hold on a machine that is three times slower, with all of its cores taken. */
const INSTALL_MS = 600_000;
const RUN_MS = 360_000;
const SAY_MS = 180_000;
const STOP_MS = 45_000;

/** npm as a careful host calls it: a peer that does not fit is an error, and every warning is printed. */
const CAREFULLY = [
  '--strict-peer-deps',
  '--prefer-offline',
  '--no-audit',
  '--no-fund',
  '--no-progress',
  '--loglevel=warn',
];

/** Makes a folder with a package.json, installs it by npm, and runs commands there. */
export async function createHostApp(options: HostAppOptions): Promise<HostApp> {
  const folder = await mkdtemp(join(tmpdir(), `wa-sync-host-${options.name}-`));
  const running = new Set<Running>();
  const own = ownTarballs(options.packages ?? []);
  const manifest = {
    name: options.name,
    version: '1.0.0',
    private: true,
    type: options.type ?? 'commonjs',
    dependencies: { ...options.dependencies, ...byPath(own) },
    overrides: options.overrides ?? {},
  };
  const app = {
    folder,
    async write(files: Readonly<Record<string, string>>) {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), text);
      }
    },
    async run(command: string, args: readonly string[] = [], { expect = 0, ...rest }: RunOptions = {}) {
      const ended = await runProgram(folder, command, args, rest);
      if (ended.code === expect) return ended;
      throw new Error(`${command} ${args.join(' ')} ended with ${ended.code}, not ${expect}:\n${ended.output}`);
    },
    async install(words: readonly string[]) {
      const { output } = await app.run('npm', ['install', ...words, ...CAREFULLY], { timeoutMs: INSTALL_MS });
      return readPeerWarnings(output);
    },
    start(command: string, args: readonly string[] = [], rest: RunOptions = {}) {
      const started = startProgram(folder, command, args, rest);
      running.add(started);
      return started;
    },
    async remove() {
      await Promise.all([...running].map((each) => each.stop()));
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
  try {
    await app.write({ 'package.json': JSON.stringify(manifest, null, 2), ...options.files });
    const hasDependencies = Object.keys(manifest.dependencies).length > 0;
    const peerWarnings = hasDependencies && options.install !== false ? await app.install([]) : [];
    return { ...app, peerWarnings };
  } catch (error) {
    await app.remove();
    throw error;
  }
}

/** Of what npm wrote, the lines about peers; it also warns of packages that are deprecated or have install scripts. */
export const readPeerWarnings = (output: string): readonly string[] =>
  output.split('\n').filter((line) => /ERESOLVE|peer|conflict/i.test(line));

/**
 * From each name, and those of ours that it depends on, to its tarball: npm does not search the dependencies of a
 * tarball beside it.
 */
export function ownTarballs(names: readonly string[]): Record<string, string> {
  const { tarballs, dependencies } = packTarballs();
  const own: Record<string, string> = {};
  const add = (name: string) => {
    if (own[name] !== undefined) return;
    const path = tarballs[name];
    if (path === undefined) throw new Error(`There is no package ${name}`);
    own[name] = path;
    for (const other of dependencies[name] ?? []) add(other);
  };
  for (const name of names) add(name);
  return own;
}

const byPath = (own: Record<string, string>) =>
  Object.fromEntries(Object.entries(own).map(([name, path]) => [name, `file:${path}`]));

async function runProgram(cwd: string, command: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  const { child, output } = spawnIn(cwd, command, args, options);
  const timeoutMs = options.timeoutMs ?? RUN_MS;
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const code = await ended(child).finally(() => clearTimeout(timer));
  if (child.signalCode === 'SIGKILL') throw new Error(`${command} took more than ${timeoutMs} ms:\n${output()}`);
  return { code, signal: child.signalCode, output: output() };
}

function startProgram(cwd: string, command: string, args: readonly string[], options: RunOptions): Running {
  const { child, output } = spawnIn(cwd, command, args, options);
  const end = ended(child);
  end.catch(() => {});
  return {
    pid: child.pid ?? 0,
    output,
    waitFor: (pattern, after = 0) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = output().slice(after).match(pattern);
          if (found) settle(() => resolve(found));
        };
        const fail = (why: string) => settle(() => reject(new Error(`${command} ${why}:\n${output()}`)));
        const timer = setTimeout(() => fail(`did not write ${pattern} within ${SAY_MS} ms`), SAY_MS);
        const closed = () => {
          look();
          fail(`ended before it wrote ${pattern}`);
        };
        const settle = (then: () => void) => {
          clearTimeout(timer);
          for (const stream of [child.stdout, child.stderr]) stream?.off('data', look);
          child.off('close', closed);
          then();
        };
        for (const stream of [child.stdout, child.stderr]) stream?.on('data', look);
        child.on('close', closed);
        look();
      }),
    async stop(signal = 'SIGTERM') {
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      child.kill(signal);
      const code = await end.finally(() => clearTimeout(timer));
      return { code, signal: child.signalCode, output: output() };
    },
  };
}

function spawnIn(cwd: string, command: string, args: readonly string[], { env }: RunOptions) {
  const child = spawn(command, args, { cwd, env: { ...hostEnv(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk) => {
      text += chunk;
    });
  }
  return { child, output: () => text };
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
}

const KEPT = /^npm_config_(registry|cache|userconfig|globalconfig|proxy|https_proxy|noproxy|cafile|strict_ssl)$/i;

/** Ours, without what npm and vitest add to it: npm would take this repository for the app, and hide its warnings. */
function hostEnv(): NodeJS.ProcessEnv {
  const ours = /^(npm_|vitest|test$|node_env$|node_options$|init_cwd$)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => KEPT.test(name) || !ours.test(name)));
}
