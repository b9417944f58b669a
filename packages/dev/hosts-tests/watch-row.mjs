// Writes a row of the host's database whenever it is another one than before. It is copied into an app of the test and
// run there, with what the app has.
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

const [, , make, watch] = process.argv;
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
if (make !== '') await pool.query(make);
console.log('WATCHES');
for (let said = ''; ; await pause(100)) {
  const { rows } = await pool.query(watch).catch((error) => {
    // The table is made by the app's first start.
    if (error.code === '42P01') return { rows: [] };
    throw error;
  });
  const row = JSON.stringify(rows[0] ?? null);
  if (row !== said) console.log(`ROW ${row}`);
  said = row;
}
