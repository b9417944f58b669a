import { defineConfig } from 'vitest/config';

const conditions = ['@wa-sync/source'];

// Not part of the workspace's own run: these tests install packages from the registry.
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['pack-packages.ts'],
    setupFiles: ['../tests/fix-seeds.ts'],
    // An installation and what follows, on a machine that is three times slower; each step has a bound of its own.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
