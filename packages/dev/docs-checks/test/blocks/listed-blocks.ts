/** A block that the test of blocks does not run, and why. An entry that fits no block any more fails. */
export interface ListedBlock {
  readonly page: string;
  /** Words of the block, or of each of several. */
  readonly has: string;
  readonly reason: string;
  /** The test that runs it instead, from the root of the repository; it names the page or these words. */
  readonly runBy?: string;
}

const OF_THE_REPOSITORY = 'starts the tests and tools of this repository, which take minutes';
const UNTIL_ENDED = 'runs until a person ends it; packages/dev/hosts-tests/test/run-example.test.ts starts it';
const COPIED = {
  has: 'cp .env.example .env',
  reason: 'is played in a copy of the app',
  runBy: 'packages/dev/hosts-tests/test/example-apps.test.ts',
};

export const LISTED_BLOCKS: readonly ListedBlock[] = [
  { page: 'CONTRIBUTING.md', has: 'npm run check', reason: OF_THE_REPOSITORY },
  { page: 'CONTRIBUTING.md', has: 'npm test -- --project unit', reason: OF_THE_REPOSITORY },
  { page: 'README.md', has: 'npm run demo', reason: OF_THE_REPOSITORY },
  { page: 'docs/ARCHITECTURE.md', has: 'decide (pure)', reason: 'is a drawing' },
  {
    page: 'docs/ADDING-AN-ADAPTER.md',
    has: 'npx vitest run',
    reason: 'needs the project that the page writes',
    runBy: 'packages/dev/docs-checks/test/adding-an-adapter.servers.test.ts',
  },
  {
    page: 'docs/BAILEYS.md',
    has: '// bot.cjs',
    reason: 'is run in an app of its own',
    runBy: 'packages/dev/hosts-tests/test/mounts.test.ts',
  },
  {
    page: 'docs/HTTP.md',
    has: 'curl -sS',
    reason: 'is held to its answer there',
    runBy: 'packages/http/test/docs.servers.test.ts',
  },
  {
    page: 'docs/HTTP.md',
    has: 'export WA_SYNC_TOKEN=…',
    reason: 'is the environment of the curl lines',
    runBy: 'packages/http/test/docs.servers.test.ts',
  },
  {
    page: 'docs/REDIS.md',
    has: "redis.call('HKEYS'",
    reason: 'is run on a server that holds credentials',
    runBy: 'packages/redis/test/auth.servers.test.ts',
  },
  {
    page: 'packages/fake-whatsapp/README.md',
    has: 'npx @wa-sync/fake-whatsapp --port 4080',
    reason: 'is a server in a terminal',
    runBy: 'packages/fake-whatsapp/test/cli.realtime.test.ts',
  },
  { page: 'examples/express/README.md', has: 'npm run example express', reason: UNTIL_ENDED },
  { page: 'examples/nest/README.md', has: 'npm run example nest', reason: UNTIL_ENDED },
  { page: 'examples/express/README.md', ...COPIED },
  { page: 'examples/nest/README.md', ...COPIED },
];
