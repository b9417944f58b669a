import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { type StartedProcess, startProcess } from '../../../../examples/express/test/start-process.js';
import { fromSource } from '../../example/example-app.js';

const launcher = fromSource(join(fileURLToPath(new URL('../../example', import.meta.url)), 'run-example.ts'));
const WITHIN_MS = 30_000;
const running: StartedProcess[] = [];

afterEach(async () => {
  for (const { child, closed } of running.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await closed;
  }
});

/** In a process group of its own, as a terminal starts it. */
function run(args: readonly string[], env: Record<string, string> = {}): StartedProcess {
  const started = startProcess({ ...launcher, args: [...launcher.args, ...args] }, env, { detached: true });
  running.push(started);
  return started;
}

/** Runs an example until a person can try it. */
async function runUntilUp(name: string) {
  const { child, closed, line, lines } = run([name], { PORT: '0' });
  const [, url = ''] = await line(/^listening on (\S+)$/);
  const [, token = ''] = await line(/WA_SYNC_TOKEN=(\w+)$/);
  const [, databaseUrl = ''] = await line(/^The database: (\S+)$/);
  const status = async (id: string) => {
    const response = await fetch(`${url}/whatsapp/status?sessionId=${id}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return response.json();
  };
  return { child, closed, lines, url, databaseUrl, status };
}

/** Whether the app and its database still answer. */
async function left({ url, databaseUrl }: { url: string; databaseUrl: string }) {
  const app = await fetch(url).then(
    () => ['app'],
    () => [],
  );
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => {});
  const database = await client.connect().then(
    () => client.end().then(() => ['database']),
    () => [],
  );
  return [...app, ...database];
}

describe('npm run example', () => {
  it('brings a Postgres and a WhatsApp, and Ctrl+C ends everything', { timeout: 90_000 }, async () => {
    const example = await runUntilUp('express');
    for (const id of ['sales', 'support']) {
      await expect.poll(() => example.status(id), { timeout: WITHIN_MS }).toMatchObject({ connected: true });
    }
    expect(await left(example)).toEqual(['app', 'database']);
    // As a terminal does it: to the launcher and to the app at once.
    process.kill(-(example.child.pid ?? 0), 'SIGINT');
    expect(await example.closed).toEqual({ code: 0, signal: null });
    // The database outlives the app, which writes its last rows.
    for (const id of ['sales', 'support']) {
      expect(example.lines.join('\n')).toContain(`session ${id}: marking as DISCONNECTED (was CONNECTED): shutdown`);
    }
    expect(await left(example)).toEqual([]);
  });

  it('runs the Nest helpdesk, to which a client writes; SIGTERM ends it as well', { timeout: 90_000 }, async () => {
    const example = await runUntilUp('nest');
    await expect.poll(() => example.status('sales'), { timeout: WITHIN_MS }).toMatchObject({ connected: true });
    const conversations = async () => (await fetch(`${example.url}/conversations`)).json();
    await expect.poll(conversations).toContainEqual(expect.objectContaining({ client: 'Ana' }));
    example.child.kill('SIGTERM');
    expect(await example.closed).toEqual({ code: 0, signal: null });
    expect(await left(example)).toEqual([]);
  });

  it('leaves nothing behind when it is killed', { timeout: 90_000 }, async () => {
    const example = await runUntilUp('express');
    example.child.kill('SIGKILL');
    await example.closed;
    await expect.poll(() => left(example), { timeout: 15_000 }).toEqual([]);
  });

  it('leaves the database and WhatsApp of the person alone, and ends as the app ends', async () => {
    const { closed, lines } = run(['express'], { DATABASE_URL: 'postgres://user:hidden-word@127.0.0.1:1/app' });
    expect(await closed).toEqual({ code: 1, signal: null });
    expect(lines).toEqual([expect.stringMatching(/^WA_SYNC_TOKEN is missing/)]);
  });

  it.each([
    [[], 1, /^Usage: npm run example express \| nest$/],
    [['fastify'], 1, /^There is no example "fastify"\. Usage: npm run example express \| nest$/],
    [['express', 'nest'], 1, /^Usage: /],
    [['express', '--port', '1'], 1, /^Unknown option '--port'\. Usage: /],
    [['--help'], 0, /^Usage: [\s\S]*Without DATABASE_URL/],
  ])('%j ends with %i and says how it is called', async (args, code, words) => {
    const { closed, lines } = run(args);
    expect(await closed).toEqual({ code, signal: null });
    expect(lines.join('\n')).toMatch(words);
    if (code !== 0) expect(lines).toHaveLength(1);
  });
});
