import { defineConfig } from 'tsup';

// The runnable app beside the package: not published, and nothing of it is bundled. On its own, because two configurations in
// one file run at once and one would clean away what the other wrote.
export default defineConfig({
  entry: ['src/app/main.ts'],
  outDir: 'dist/app',
  format: ['esm'],
  sourcemap: true,
  target: 'node20',
  skipNodeModulesBundle: true,
  external: [/^@wa-sync\//],
});
