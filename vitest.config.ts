import { configDefaults, defineConfig } from 'vitest/config';
import { LongestFirst } from './packages/dev/tests/longest-first.js';

// Only the condition that leads to our own sources: Node's own ones must not be repeated here, or `require` of a
// package that ships both forms gets the wrong one.
const conditions = ['@wa-sync/source'];

const SERVERS = '**/*.servers.test.ts';
const REALTIME = '**/*.realtime.test.ts';
// What npm test has run before, for its coverage.
const tested = process.env.WA_SYNC_TESTED?.split(',') ?? [];
// They install packages: npm run test:hosts.
const exclude = [...configDefaults.exclude, 'packages/dev/hosts-tests/**'];

/** Workers of tests that wait for servers: four of them keep two processors as busy as two workers elsewhere. */
const WAITING = 4;
/** Those of real time wait longer. */
const WAITING_LONGER = 5;

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    hookTimeout: 60_000,
    testTimeout: 20_000,
    setupFiles: ['packages/dev/tests/fix-seeds.ts'],
    // What a file of sources becomes is made once for all projects.
    experimental: { fsModuleCache: true },
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    coverage: {
      provider: 'v8',
      include: ['packages/core/src/**'],
      reporter: ['text-summary'],
      thresholds: { lines: 95, 'packages/core/src/decide/**': { branches: 100 } },
    },
    // One after the other: together they would be twice as many workers, and real time suffers from that.
    projects: [
      {
        extends: true,
        // No server, no process, no real time: npm test -- --project unit.
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [...exclude, ...tested, SERVERS, REALTIME],
          setupFiles: ['packages/dev/tests/no-servers.ts'],
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // With the one Postgres and the one Redis of the project, HTTP servers, and programs that end by themselves.
        test: {
          name: 'servers',
          include: [SERVERS],
          exclude,
          globalSetup: ['packages/dev/tests/shared-servers.ts'],
          isolate: false,
          maxWorkers: WAITING,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        // Sockets, processes, browsers, and servers that a test stops or fills: each brings its own.
        test: {
          name: 'realtime',
          include: [REALTIME],
          exclude,
          maxWorkers: WAITING_LONGER,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
