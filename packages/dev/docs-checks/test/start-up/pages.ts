import type { PageRun } from './run-page.js';

const OF_THE_TABLE = { schema: 'examples/express/app/schema.sql', on: 'postgres', becomes: 'CONNECTED' } as const;

/** The pages whose blocks start wa-sync; the first is the one that most readers begin with. */
export const PAGES: readonly PageRun[] = [
  { page: 'README.md', blocks: ['createWaSyncRouter(wa'], calls: 'connect', session: 'shop', ...OF_THE_TABLE },
  { page: 'examples/express/README.md', blocks: ['createWaSyncRouter(wa'], session: 'sales', ...OF_THE_TABLE },
  {
    page: 'examples/nest/README.md',
    blocks: ['class DatabaseModule', 'class NumbersService', 'export class AppModule {}', 'NestFactory.create'],
    session: 'sales',
    ends: 'SIGTERM',
    ...OF_THE_TABLE,
  },
  { page: 'docs/BAILEYS.md', blocks: ['function connect()'], session: 'shop', becomes: 'CONNECTED', on: 'postgres' },
  {
    page: 'docs/BAILEYS.md',
    blocks: ['provider: baileysProvider({ auth: store.auth })'],
    session: 'shop',
    becomes: 'CONNECTED',
    on: 'postgres',
  },
  {
    page: 'docs/POSTGRES.md',
    blocks: ["wa.sessions.ensure({ id: 'shop' })"],
    schema: 'examples/express/app/schema.sql',
    session: 'shop',
    becomes: 'row',
    on: 'postgres',
  },
  { page: 'docs/REDIS.md', blocks: ["from 'ioredis'"], session: 'shop', becomes: 'row', on: 'redis' },
  { page: 'docs/REDIS.md', blocks: ["from 'redis'"], session: 'shop', becomes: 'row', on: 'redis' },
];
