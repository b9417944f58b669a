import { join } from 'node:path';
import { defineConfig } from 'tsup';

export default defineConfig({
  entry: { index: 'src/index.ts', adapter: 'src/adapter/index.ts' },
  format: ['esm', 'cjs'],
  dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
  sourcemap: true,
  clean: true,
  target: 'node20',
  // Only cron's parser is used. Its timers, and the date library that they stand on and that would be a third of this
  // package, stay out of it.
  noExternal: ['cron'],
  esbuildOptions(options) {
    options.alias = { cron: 'cron/dist/time.js', luxon: join(import.meta.dirname, 'without-luxon.ts') };
  },
});
