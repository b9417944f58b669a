import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';

/** A Redis of its own on loopback, in a folder that is deleted at the end. */
export interface LocalRedis {
  readonly url: string;
  /** SIGKILL, as a machine that loses its power. */
  kill(): Promise<void>;
  /** Starts it again on the same port and folder. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the `redis-server` on PATH, on a port that the system chose. Without one, and as root on Debian, it is
 * installed; else one line says what to install.
 */
export async function startRedis(flags: readonly string[] = []): Promise<LocalRedis> {
  installed();
  const dir = await mkdtemp(join(tmpdir(), 'wa-sync-redis-'));
  const port = await freePort();
  let child = await launch(port, dir, flags);
  return {
    url: `redis://127.0.0.1:${port}`,
    async kill() {
      await end(child, 'SIGKILL');
    },
    async restart() {
      child = await launch(port, dir, flags);
    },
    async stop() {
      await end(child, 'SIGKILL');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function installed(): void {
  const found = () => spawnSync('redis-server', ['--version']).status === 0;
  if (found()) return;
  const help = 'These tests need redis-server: install it (apt-get install redis-server), or set TEST_REDIS_URL';
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) throw new Error(help);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'], { env, stdio: 'ignore' });
  } catch (cause) {
    throw new Error(help, { cause });
  }
  if (!found()) throw new Error(help);
}

async function launch(port: number, dir: string, flags: readonly string[]): Promise<ChildProcess> {
  const persistence = flags.includes('--appendonly') ? [] : ['--appendonly', 'no'];
  // Ten thousand above its port may be no port at all.
  const bus = flags.includes('--cluster-enabled') ? ['--cluster-port', String(await freePort())] : [];
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
  const args = [...own, ...persistence, ...bus, ...flags];
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  endWithThisProcess(child);
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const hear = (data: Buffer) => {
      said += data;
      if (said.includes('Ready to accept connections')) resolve();
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`redis-server ended with ${code}: ${said}`)));
  });
  return child;
}

/** Kills a server whose test process is gone, however it ended: nothing else ends one that a script keeps busy. */
function endWithThisProcess(server: ChildProcess): void {
  if (server.pid === undefined) return;
  // Its input ends with this process.
  const guard = spawn('sh', ['-c', 'cat; kill -9 "$1"', 'guard', String(server.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.on('error', () => {});
  // The system may give the number of a server that has ended to another process.
  server.once('exit', () => {
    guard.kill('SIGKILL');
    guard.stdin.destroy();
  });
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}
