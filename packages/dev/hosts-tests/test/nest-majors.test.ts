import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../../examples/nest', import.meta.url));
const majors = join(root, '../../packages/dev/nest-majors');
const folders = { 10: join(majors, 'nest-10'), 11: join(majors, 'nest-11'), 12: root } as const;

let bundles: string;

/** One file a form with everything in it but Nest, which is then found where the file lies. */
beforeAll(async () => {
  bundles = await mkdtemp(join(tmpdir(), 'wa-sync-nest-'));
  await build({
    config: false,
    entry: { smoke: join(root, 'test/smoke-app.ts') },
    outDir: bundles,
    format: ['esm', 'cjs'],
    outExtension: ({ format }) => ({ js: format === 'esm' ? '.mjs' : '.cjs' }),
    tsconfig: join(root, 'tsconfig.json'),
    target: 'node20',
    silent: true,
    external: [/^@nestjs\//],
    noExternal: [/^(?!@nestjs\/|rxjs|reflect-metadata)/],
    esbuildOptions(options) {
      options.conditions = ['@wa-sync/source'];
    },
    // What is CommonJS inside the bundle still asks for node's own modules by `require`.
    banner: ({ format }) =>
      format === 'esm'
        ? { js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);` }
        : {},
  });
});
afterAll(async () => {
  await rm(bundles, { recursive: true, force: true });
});

async function run(major: keyof typeof folders, file: string) {
  const place = join(folders[major], 'dist/smoke', `${process.pid}`);
  await mkdir(place, { recursive: true });
  try {
    await copyFile(join(bundles, file), join(place, file));
    const { stdout } = await promisify(execFile)(process.execPath, [join(place, file)], { timeout: 60_000 });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as unknown;
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

const told = (order: readonly string[]) => ({
  status: 200,
  connected: true,
  synced: 200,
  id: 'sales',
  wrongMethod: 405,
  guest: 403,
  servers: [{ url: '/api/wa' }],
  health: { 'wa-sync': { status: 'up' } },
  // What its own end means is published too.
  heard: ['sales CONNECTED', 'sales DISCONNECTED'],
  order,
  left: 'DISCONNECTED',
  taken: expect.stringMatching(
    /^The endpoint \/api\/wa\/status of wa-sync is taken by _?Taken\d*\.show \(GET \/api\/wa\/status\)/,
  ),
});

describe.each([10, 11, 12] as const)('Nest %i', (major) => {
  const installed = existsSync(join(folders[major], 'node_modules/@nestjs/core'));
  if (!installed) console.warn(`Not tested on Nest ${major}: run pnpm install, it belongs to the workspace`);

  it.skipIf(!installed).each(['smoke.mjs', 'smoke.cjs'])('mounts, guards, listens and stops as %s', async (file) => {
    // Nest 10 ends imported modules first: README.md says what that means for a pool.
    const order = major === 10 ? ['database closed', 'store closed'] : ['store closed', 'database closed'];
    expect(await run(major, file)).toEqual({ express: told(order), fastify: told(order) });
  });
});
