import { createPostgresStore } from '@wa-sync/postgres';
import { useDatabase } from '../../postgres/test/use-database.js';
import { describeFlood } from './describe-flood.js';

const at = useDatabase();

describeFlood('two replicas on one Postgres', async () =>
  createPostgresStore({ pool: at.database.connect({ max: 10 }) }),
);
