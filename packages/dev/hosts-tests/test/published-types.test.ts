import { describe, expect, it } from 'vitest';
import { createHostApp } from '../create-host-app.js';
import { matrix } from '../matrix.js';
import { packTarballs } from '../pack-packages.js';
import { CHECK_TYPES, TYPED_APP } from '../typed-app.js';

/** A compiler, the types of its time, and how it can resolve a module: a file, `module`, `moduleResolution`. */
interface Era {
  readonly typescript: string;
  readonly types: Readonly<Record<string, string>>;
  readonly ways: readonly (readonly [file: string, module: string, moduleResolution: string])[];
}

const NODE_WAYS = [
  ['app.cts', 'node16', 'node16'],
  ['app.mts', 'node16', 'node16'],
  ['app.cts', 'nodenext', 'nodenext'],
  ['app.mts', 'nodenext', 'nodenext'],
] as const;
const BUNDLER = ['app.ts', 'esnext', 'bundler'] as const;

const OLD_EXPRESS = { express: '4.18.1', '@types/express': '4.17.13', pg: '8.7.3', '@types/pg': '8.6.5' };
const NEW_EXPRESS = { express: '5.3.0', '@types/express': '5.0.6', pg: '8.23.1', '@types/pg': '8.23.1' };

const OLDEST: Era = {
  typescript: '4.7.4',
  types: { ...OLD_EXPRESS, ioredis: '5.2.6', '@types/node': '16.11.45' },
  ways: [['app.ts', 'commonjs', 'node'], ...NODE_WAYS],
};
const LAST_OF_4: Era = {
  typescript: '4.9.5',
  types: { ...OLD_EXPRESS, ioredis: '5.2.6', '@types/node': '18.11.9' },
  ways: [['app.ts', 'commonjs', 'node'], ...NODE_WAYS],
};
const LAST_OF_5: Era = {
  typescript: '5.9.3',
  types: { ...NEW_EXPRESS, ioredis: '5.3.2', '@types/node': '20.19.43' },
  ways: [['app.ts', 'commonjs', 'node10'], ...NODE_WAYS, BUNDLER],
};
const NEWEST: Era = {
  typescript: '6.0.3',
  types: { ...NEW_EXPRESS, ioredis: '6.0.0', '@types/node': '24.0.0' },
  ways: [['app.ts', 'commonjs', 'node10'], ...NODE_WAYS, BUNDLER],
};
const FIRST_OF_5: Era = { ...LAST_OF_5, typescript: '5.0.4' };

const OURS = ['baileys', 'core', 'express', 'http', 'postgres', 'redis'];
describe('published types', () => {
  it.each(matrix([OLDEST, LAST_OF_4, LAST_OF_5, NEWEST], [FIRST_OF_5]))(
    'compile with TypeScript $typescript in every way that it resolves a module, and bring no zod',
    async ({ typescript, types, ways }) => {
      const app = await createHostApp({
        name: 'typed',
        packages: OURS.map((name) => `@wa-sync/${name}`),
        dependencies: { typescript, 'prom-client': '15.1.3', ...types },
        files: {
          'app.ts': TYPED_APP,
          'app.cts': TYPED_APP,
          'app.mts': TYPED_APP,
          'check-types.cjs': CHECK_TYPES,
        },
      });
      try {
        const { output } = await app.run('node', ['check-types.cjs', 'typescript', JSON.stringify(ways)]);
        const found: { types: string[]; errors: string[]; zod: number }[] = JSON.parse(output);
        expect(found.flatMap(({ errors, ...way }) => errors.map((error) => `${JSON.stringify(way)} ${error}`))).toEqual(
          [],
        );
        for (const { types: read, zod } of found) {
          expect(zod).toBe(0);
          // In each way, each entry was found and read.
          const entries = new Set(read.map((path) => path.replace(/\.d\.[cm]?ts$/, '')));
          for (const name of OURS) expect(entries).toContain(`@wa-sync/${name}/dist/index`);
          expect(entries).toContain('@wa-sync/core/dist/adapter');
          expect(entries).toContain('@wa-sync/http/dist/metrics');
        }
      } finally {
        await app.remove();
      }
    },
  );

  it('name zod in no package', async () => {
    const { tarballs } = packTarballs();
    const app = await createHostApp({ name: 'unpacked' });
    try {
      for (const [name, tarball] of Object.entries(tarballs)) {
        await app.run('tar', ['xzf', tarball]);
        const grep =
          'grep -rlE "(from|import|require)[ (]*[\'\\"]zod" --include=*.d.ts --include=*.d.cts package; test $? -eq 1';
        const { output } = await app.run('sh', ['-c', grep]);
        expect(output, name).toBe('');
        await app.run('rm', ['-rf', 'package']);
      }
    } finally {
      await app.remove();
    }
  });
});
