import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** Runs a program of node's to its end. */
async function run(args: readonly string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, args, { cwd: PACKAGE, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, said };
}

it('the first example of the README has ten lines, compiles and runs', { timeout: 120_000 }, async () => {
  const readme = await readFile(join(PACKAGE, 'README.md'), 'utf8');
  const [example = '', bot = ''] = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);
  expect(example.split('\n').filter((line) => line !== '')).toHaveLength(10);
  // Within the package, so that its imports are found.
  const folder = await mkdtemp(join(PACKAGE, 'test', '.readme-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'example.ts');
  await writeFile(file, example);
  await writeFile(join(folder, 'bot.ts'), bot);

  const tsc = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));
  const config = { extends: '../../../../tsconfig.base.json', include: ['*.ts'] };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const compiled = await run([tsc, '-p', folder]);
  expect(compiled).toEqual({ code: 0, said: '' });

  const ran = await run(['--conditions=@wa-sync/source', '--import', 'tsx', file]);
  expect(ran.said).toMatch(/^hello Ada$/m);
  expect(ran.code).toBe(0);
});
