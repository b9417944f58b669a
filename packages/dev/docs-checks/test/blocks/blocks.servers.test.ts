// Every block of every page is compiled (snippets.test.ts), run or read here, or listed with its reason. Portuguese
// pages have the same blocks: portuguese.test.ts.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createPostgresStore, prismaConversation, prismaWhatsAppSession } from '@wa-sync/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { startService, type TestService, TOKEN } from '../../../../cli/test/start-service.js';
import { startPostgres, type TestDatabase, type TestServer } from '../../../../postgres/test/start-postgres.js';
import { type Fence, fencesOf, listPages, read, root } from '../read-docs.js';
import { LISTED_BLOCKS } from './listed-blocks.js';
import { commandsIn, problemsOfInstall, problemsOfRun } from './read-commands.js';
import { makeBin, runCommand } from './run-command.js';
import { tablesOfModels } from './tables-of-models.js';

type Block = Fence & { readonly page: string };

const blocks: Block[] = listPages()
  .filter((page) => !page.endsWith('.pt-BR.md'))
  .flatMap((page) => fencesOf(page).map((fence) => ({ page, ...fence })));
const entriesOf = ({ page, code }: Block) =>
  LISTED_BLOCKS.filter((entry) => entry.page === page && code.includes(entry.has));
const open = blocks.filter((block) => entriesOf(block).length === 0);
const of = (language: string) => open.filter((block) => block.language === language);

const RUN = /^(?:export|wa-sync|npx wa-sync|curl|\.\/)/;
/** What a doctor says, as the page shows it. */
const isDoctor = ({ code }: Block) => code.startsWith('ok  The service answers at');

describe('the blocks of the pages', () => {
  it('are each run or read, or listed with a reason that still stands', () => {
    const handled = ['ts', 'sh', 'sql', 'json', 'yaml', 'prisma'];
    const left = open.filter((block) => !handled.includes(block.language) && !isDoctor(block));
    expect(left.map(({ page, line, language }) => `${page}:${line} ${language}`)).toEqual([]);
    expect(blocks.length).toBeGreaterThan(100);
    for (const entry of LISTED_BLOCKS) {
      const fits = blocks.filter((block) => entriesOf(block).includes(entry));
      expect(fits.length, `a block of ${entry.page} with ${entry.has}`).toBeGreaterThan(0);
      expect(
        fits.map(({ language }) => language),
        `${entry.page} compiles its ts`,
      ).not.toContain('ts');
      if (entry.runBy === undefined) continue;
      expect(existsSync(join(root, entry.runBy)), entry.runBy).toBe(true);
      const test = read(entry.runBy);
      expect(
        [entry.has, basename(entry.page)].some((words) => test.includes(words)),
        entry.runBy,
      ).toBe(true);
    }
  });

  it('install packages that exist, and start scripts that exist', () => {
    const commands = blocks.filter(({ language }) => language === 'sh').flatMap(({ code }) => commandsIn(code));
    const texts = commands.map(({ text }) => text);
    const installs = texts.filter((text) => /^npm install\b/.test(text));
    const scripts = texts.filter((text) => /(?:^|\s)npm (?:run|test)\b/.test(text));
    expect([...installs.flatMap(problemsOfInstall), ...scripts.flatMap(problemsOfRun)]).toEqual([]);
    expect(Math.min(installs.length, scripts.length)).toBeGreaterThan(5);
  });

  it('are JSON and YAML that parse', () => {
    for (const { code } of of('json')) expect(JSON.parse(code)).toBeTypeOf('object');
    for (const { code } of of('yaml')) expect(parse(code)).toBeTypeOf('object');
  });
});

/** Each line starts a process, one after the other; a bound, not a time that is expected. */
const RUNS_WITHIN = { timeout: 400_000 };

describe('on a service and a database', () => {
  let service: TestService;
  let postgres: TestServer;
  /** It has the host's table and our schema. */
  let database: TestDatabase;
  let bin: string;

  beforeAll(async () => {
    await mkdir(join(root, 'packages/dev/docs-checks/dist'), { recursive: true });
    [service, bin, postgres] = await Promise.all([startService(), makeBin(), startPostgres()]);
    await service.addSession('sales');
    database = await postgres.createDatabase();
    await database.pool.query(await readFile(join(root, 'examples/express/app/schema.sql'), 'utf8'));
    await createPostgresStore({ pool: database.pool }).init();
  }, 240_000);
  afterAll(async () => {
    await service?.stop();
    await database?.drop();
    await postgres?.stop();
    await rm(bin, { recursive: true, force: true });
  });

  /** The page's own addresses lead to those of the test. */
  const onTest = (text: string) =>
    text
      .replace('http://127.0.0.1:3000/whatsapp', service.url)
      .replace('WA_SYNC_TOKEN=…', `WA_SYNC_TOKEN=${TOKEN}`)
      .replace(/postgres:\/\/\S+/, database.url);
  const shell = of('sh').map((block) => {
    const commands = commandsIn(block.code).filter(({ text }) => !text.startsWith('npm install'));
    return { ...block, commands };
  });

  it.each(shell.filter(({ commands }) => commands.length > 0))(
    '$page, line $line, runs',
    RUNS_WITHIN,
    async ({ page, commands }) => {
      expect(commands.filter(({ text }) => !RUN.test(text))).toEqual([]);
      const exports = commands.filter(({ text }) => text.startsWith('export')).map(({ text }) => text);
      for (const { text, codes } of commands.filter((command) => !command.text.startsWith('export'))) {
        const line = onTest([...exports, text].join('\n'));
        const { code, said } = await runCommand(line, { bin, cwd: join(root, dirname(page)) });
        expect(codes, `${text}: ${code}\n${said}`).toContain(code);
        expect(said, text).not.toBe('');
      }
    },
  );

  it.each(of('sql'))('$page, line $line, runs', async ({ code }) => {
    const client = await database.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('CREATE ROLE app');
      // A page that shows how the host's table is made begins without it.
      if (code.includes('CREATE TABLE "WhatsAppSession"')) {
        await client.query('DROP TABLE "WhatsAppSession"; DROP TYPE "WhatsAppSessionStatus"');
      }
      await client.query(code);
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });

  it.each(of('prisma'))('$page, line $line, makes a table that its preset fits', RUNS_WITHIN, async ({ code }) => {
    const own = await postgres.createDatabase();
    try {
      for (const statement of tablesOfModels(code)) await own.pool.query(statement);
      const conversations = code.includes('model Conversation ');
      const mirror = conversations ? { conversations: prismaConversation() } : { sessions: prismaWhatsAppSession() };
      const store = createPostgresStore({ pool: own.pool, mirror });
      await store.init();
      expect((await store.checkMirror()).filter(({ severity }) => severity !== 'note')).toEqual([]);
    } finally {
      await own.drop();
    }
  });

  it.each(blocks.filter(isDoctor))('$page, line $line, is what a doctor says', RUNS_WITHIN, async ({ code }) => {
    const sick = await startService();
    try {
      await sick.addSession('support');
      await sick.addAbandoned('sales');
      const line = `export WA_SYNC_URL=${sick.url} WA_SYNC_TOKEN=${TOKEN}\nwa-sync doctor`;
      const { said } = await runCommand(line, { bin, cwd: root });
      const plain = (text: string) =>
        text
          .replaceAll(/\d+(?=\D)/g, 'N')
          .replaceAll(/ +$/gm, '')
          .trim();
      expect(plain(said)).toContain(plain(code));
    } finally {
      await sick.stop();
    }
  });
});
