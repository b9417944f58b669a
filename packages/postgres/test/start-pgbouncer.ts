import { execFileSync, spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@wa-sync/dev/servers/free-port';
import pg from 'pg';

/** Whether a `pgbouncer` is there; as root on Debian it is installed when it is not. */
export function pgbouncerIsThere(): boolean {
  const found = () => {
    try {
      execFileSync('sh', ['-c', 'command -v pgbouncer'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
  if (found()) return true;
  if (process.getuid?.() === 0) {
    try {
      execFileSync('sh', ['-c', 'apt-get update && apt-get install -y pgbouncer'], {
        stdio: 'ignore',
        timeout: 120_000,
      });
    } catch {
      // Said below.
    }
  }
  if (found()) return true;
  console.warn('The tests behind PgBouncer were left out: install it, on Debian with "apt-get install pgbouncer"');
  return false;
}

/** A transaction pooler before a database, with fewer connections than its clients have. */
export async function startPgbouncer(target: {
  port: number;
  password: string;
  database: string;
}): Promise<{ port: number; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'wa-sync-pgbouncer-'));
  const port = await freePort();
  const config = join(folder, 'pgbouncer.ini');
  await writeFile(
    config,
    `[databases]
test = host=127.0.0.1 port=${target.port} dbname=${target.database} user=postgres password=${target.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 100
`,
  );
  // It refuses to run as root, and must then read its file as somebody else.
  await chmod(folder, 0o755);
  const asUser = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const child = spawn('pgbouncer', ['-q', ...asUser, config], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const pool = new pg.Pool({ host: '127.0.0.1', port, database: 'test', user: 'postgres', password: 'x', max: 1 });
  pool.on('error', () => {});
  try {
    await untilAnswers(pool);
  } finally {
    await pool.end();
  }
  return {
    port,
    async stop() {
      child.kill('SIGINT');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** It says nowhere that it listens, so it is asked. */
async function untilAnswers(pool: pg.Pool): Promise<void> {
  for (const endsAt = performance.now() + 10_000; ; ) {
    try {
      await pool.query('SELECT 1');
      return;
    } catch (error) {
      if (performance.now() > endsAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
