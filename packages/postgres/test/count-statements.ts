import type pg from 'pg';
import type { PgPoolLike } from '../src/index.js';

/** A pool that passes everything on and keeps the texts of what was sent. */
export function countStatements(pool: pg.Pool): { pool: PgPoolLike; texts: string[] } {
  const texts: string[] = [];
  return {
    texts,
    pool: {
      query: (text, values) => pool.query(text, values),
      async connect() {
        const client = await pool.connect();
        return {
          query(config) {
            texts.push(config.text);
            return client.query(config);
          },
          release: (error) => client.release(error),
          on: (event, listener) => client.on(event, listener),
          removeListener: (event, listener) => client.removeListener(event, listener),
        };
      },
    },
  };
}
