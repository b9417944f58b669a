import { createPostgresStore } from '@wa-sync/postgres';
import { useDatabase } from '../../postgres/test/use-database.js';
import { describeEventHistory } from './describe-event-history.js';

const at = useDatabase();

describeEventHistory('GET /events of replicas on one Postgres', async () =>
  createPostgresStore({ pool: at.database.connect({ max: 5 }) }),
);
