import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fencesOf, root } from './read-docs.js';

/** The guide's own files, below this package so that imports are found as in a host. */
let folder: string;

beforeAll(async () => {
  const dist = join(root, 'packages/dev/docs-checks/dist');
  await mkdir(dist, { recursive: true });
  folder = await mkdtemp(join(dist, 'guide-'));
  for (const { title, code } of fencesOf('docs/ADDING-AN-ADAPTER.md')) {
    if (title !== null) await writeFile(join(folder, title), code);
  }
  const config = JSON.stringify(pathToFileURL(join(root, 'vitest.config.ts')).href);
  const own = `{ ...base, test: { ...base.test, projects: undefined, setupFiles: [], include: ['**/*.test.ts'] } }`;
  await writeFile(join(folder, 'vitest.config.mjs'), `import base from ${config};\nexport default ${own};\n`);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Runs the suite of the guide as its reader would. */
async function runSuite() {
  const report = join(folder, 'report.json');
  const args = ['run', '--root', folder, '--config', join(folder, 'vitest.config.mjs'), '--reporter=json'];
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [vitest, ...args, `--outputFile=${report}`], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    errors += part;
  });
  await once(child, 'close');
  const told = await readFile(report, 'utf8').catch(() => {
    throw new Error(`The suite did not run: ${errors}`);
  });
  const { numPassedTests, numFailedTests } = JSON.parse(told) as { numPassedTests: number; numFailedTests: number };
  return { passed: numPassedTests, failed: numFailedTests };
}

it('ends in a green suite, and in a red one where the adapter is wrong', { timeout: 120_000 }, async () => {
  const { passed, failed } = await runSuite();
  expect(failed).toBe(0);
  expect(passed).toBeGreaterThanOrEqual(9);
  const file = join(folder, 'line-connection.ts');
  const right = await readFile(file, 'utf8');
  const wrong = right.replace(`setTimeout(settle, timeoutMs, 'timeout')`, `setTimeout(settle, timeoutMs, 'answered')`);
  expect(wrong).not.toBe(right);
  await writeFile(file, wrong);
  expect((await runSuite()).failed).toBeGreaterThan(0);
  await writeFile(file, right);
});

it('works in the engine', { timeout: 60_000 }, async () => {
  const server = createServer((link) => {
    link.on('error', () => {});
    createInterface({ input: link }).on('line', () => void link.write('pong\n'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { tryIt } = (await import(join(folder, 'try-it.ts'))) as { tryIt(port: number): Promise<string> };
    expect(await tryIt((server.address() as AddressInfo).port)).toBe('shop is CONNECTED');
  } finally {
    server.close();
  }
});
