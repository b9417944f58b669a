import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/free-port.ts', 'src/start-postgres.ts'],
  format: ['esm'],
  sourcemap: true,
  clean: true,
  target: 'node20',
});
