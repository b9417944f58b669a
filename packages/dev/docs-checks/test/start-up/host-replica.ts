/** The replica that a page about attaching takes for granted. */
import { createWaSync } from '@wa-sync/core';
import { createPostgresStore } from '@wa-sync/postgres';
import { pool } from './host.js';

export const wa = createWaSync({ store: createPostgresStore({ pool }) });
await wa.start();
process.once('SIGTERM', () => wa.stop().then(() => process.exit(0)));
