import type { PageRun } from './run-page.js';

const OF_THE_TABLE = { schema: 'examples/express/schema.sql', on: 'postgres', becomes: 'CONNECTED' } as const;

/** Played at every `npm test`: the two that most readers begin with. */
export const FIRST_PAGES: readonly PageRun[] = [
  { page: 'README.md', blocks: ['createWaSyncRouter(wa'], calls: 'connect', session: 'shop', ...OF_THE_TABLE },
  { page: 'examples/express/README.md', blocks: ['createWaSyncRouter(wa'], session: 'sales', ...OF_THE_TABLE },
];
