import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { EXAMPLES, type ExampleName, exampleApp } from './example-app.js';
import { type Servers, startServers } from './start-servers.js';

const USAGE = `Usage: npm run example ${EXAMPLES.join(' | ')}`;

const HELP = `${USAGE}

Runs an example app until Ctrl+C. Without DATABASE_URL it brings a Postgres and a WhatsApp for trying out, on loopback and
gone with the app: a played phone scans each QR code. With DATABASE_URL, WA_SYNC_TOKEN and WA_SYNC_SESSIONS the app runs on
your database and on WhatsApp itself. The app's other variables (PORT, HOST, …) are in its .env.example.`;

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = readArgs(args);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const [name, ...others] = positionals;
  if (name === undefined || others.length > 0) throw new Error(USAGE);
  if (!EXAMPLES.some((each) => each === name)) throw new Error(`There is no example "${name}". ${USAGE}`);
  if (process.env.DATABASE_URL) return runApp(name as ExampleName, {}, null);

  console.log('Starting a Postgres and a WhatsApp for trying out');
  const servers = await startServers();
  try {
    const env = {
      DATABASE_URL: servers.databaseUrl,
      WA_SYNC_TOKEN: process.env.WA_SYNC_TOKEN || randomBytes(16).toString('hex'),
      WA_SYNC_SESSIONS: process.env.WA_SYNC_SESSIONS || 'sales,support',
    };
    return await runApp(name as ExampleName, env, servers);
  } finally {
    await servers.stop();
  }
}

function readArgs(args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: { help: { type: 'boolean', short: 'h' } } });
  } catch (error) {
    // The rest of it is advice about `--`.
    throw new Error(`${(error as Error).message.split('.')[0]}. ${USAGE}`);
  }
}

/** Runs the app to its end, which a signal to us is passed on to. Returns its exit code. */
async function runApp(name: ExampleName, env: Record<string, string>, servers: Servers | null): Promise<number> {
  const program = exampleApp(name, servers?.fake);
  const child = spawn(process.execPath, program.args, {
    cwd: program.cwd,
    env: { ...process.env, ...program.env, ...env },
    // Where this process is killed the pipe ends the app: its next line finds no reader.
    stdio: ['inherit', 'pipe', 'inherit'],
  });
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, pass);
  createInterface({ input: child.stdout }).on('line', (line) => {
    console.log(line);
    const url = /^listening on (\S+)$/.exec(line)?.[1];
    if (url !== undefined && servers) console.log(describe(url, env));
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  for (const each of SIGNALS) process.off(each, pass);
  // Nest ends itself by the signal that it got.
  if (code !== null || SIGNALS.some((each) => each === signal)) return code ?? 0;
  throw new Error(`The app was ended by ${signal}`);
}

function describe(url: string, env: Record<string, string>): string {
  return [
    '',
    'This runs on a Postgres and a WhatsApp for trying out, on loopback and gone with the app. A played phone scans each QR',
    'code. Ctrl+C ends everything. To try in another shell:',
    '',
    `  export WA_SYNC_URL=${url}/whatsapp WA_SYNC_TOKEN=${env.WA_SYNC_TOKEN}`,
    '  curl -s -H "Authorization: Bearer $WA_SYNC_TOKEN" $WA_SYNC_URL/status',
    '  curl -s -H "Authorization: Bearer $WA_SYNC_TOKEN" -X POST $WA_SYNC_URL/sync-all-sessions',
    `  curl -s ${url}/table   # the app's own table, as its users see it`,
    '',
    `The database: ${env.DATABASE_URL}`,
  ].join('\n');
}
