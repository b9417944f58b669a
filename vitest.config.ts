import { configDefaults, defineConfig } from 'vitest/config';

// Only the condition that leads to our own sources: Node's own ones must not be repeated here, or `require` of a package
// that ships both forms gets the wrong one.
const conditions = ['@wa-sync/source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'packages/dev/*/test/**/*.test.ts', 'examples/*/test/**/*.test.ts'],
    // They install packages: npm run test:hosts.
    exclude: [...configDefaults.exclude, 'packages/dev/hosts-tests/**'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      include: ['packages/core/src/**'],
      reporter: ['text-summary'],
      thresholds: { lines: 95, 'packages/core/src/decide/**': { branches: 100 } },
    },
  },
});
