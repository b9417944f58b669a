/**
 * Runs each recipe of the page about logging from the page, with the logger that it is about, and reads what came out.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fencesOf, root } from './read-docs.js';

const PAGE = 'docs/LOGGING.md';
const recipes = fencesOf(PAGE).filter(({ language }) => language === 'ts');
const END = '==== end of a recipe ====';
/** What the line of a recipe says; each has its own, because pino may write after the next one began. */
const said = (index: number) => `The call of recipe ${index} failed`;

/** What the page takes for granted. */
const BEFORE = `
import { consoleLogger, createMemoryStore, createWaSync, fromWinston, stackText, WaSyncError } from '@wa-sync/core';
const store = createMemoryStore();
`;
/** One line of an error as a part of wa-sync writes it; a recipe that keeps its lines shows them. */
const after = (index: number) => `
const cause = Object.assign(new TypeError('refused for 5511999991234'), { code: 'ECONNREFUSED' });
const err = new WaSyncError('store_failed', 'the store said no', { cause });
wa.logger.error({ code: 'store_failed', sessionId: 'sales', err }, '${said(index)}');
if (typeof lines !== 'undefined') console.log(lines.join('\\n'));
`;

let folder: string;
let output: string[];

beforeAll(async () => {
  const dist = join(root, 'packages/dev/docs-checks/dist');
  await mkdir(dist, { recursive: true });
  // Below this package, so that imports are found as in a host.
  folder = await mkdtemp(join(dist, 'logging-'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  // The sources of our Nest module need to be configured for decorators.
  const compiler = { extends: join(root, 'tsconfig.base.json'), compilerOptions: { experimentalDecorators: true } };
  const include = [join(folder, '*'), join(root, 'examples/nest/src')];
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ ...compiler, include }));
  for (const [index, { code }] of recipes.entries())
    await writeFile(join(folder, `recipe-${index}.ts`), `${BEFORE}${code}${after(index)}`);
  const main = join(folder, 'main.ts');
  // winston's console and the others reach the output in a turn of their own.
  const one = (index: number) =>
    `await import('./recipe-${index}.ts'); await new Promise(setImmediate); console.log('${END}');\n`;
  await writeFile(main, recipes.map((_, index) => one(index)).join(''));
  const args = ['--conditions=@wa-sync/source', '--import', 'tsx', main];
  const env = { PATH: process.env.PATH ?? '', NO_COLOR: '1', TSX_TSCONFIG_PATH: join(folder, 'tsconfig.json') };
  // Errors go to the error output by some loggers: both are read as one text, in the order of writing.
  const { stdout } = await promisify(execFile)('sh', ['-c', 'exec "$0" "$@" 2>&1', process.execPath, ...args], { env });
  output = stdout.split('\n');
}, 60_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

it.each(recipes.map(({ line }, index) => [line, index]))(
  `the recipe of ${PAGE} at line %i writes message, code, cause and stack of an error`,
  (_, index) => {
    const from = output.findIndex((line) => line.includes(said(index)));
    expect(from).toBeGreaterThanOrEqual(0);
    const rest = output.slice(from + 1);
    const until = rest.findIndex((line) => line.includes('The call of recipe') || line.includes(END));
    const written = [output[from], ...rest.slice(0, until)].join('\n');
    for (const part of ['the store said no', 'store_failed', 'refused for …1234']) expect(written).toContain(part);
    expect(written).toMatch(/at .*recipe-\d+\.ts:\d+/);
    expect(written).not.toContain('[object Object]');
    expect(written).not.toContain('5511999991234');
  },
);
