import { randomBytes } from 'node:crypto';
import { type BenchCase, median } from '../bench-case.js';
import { inTurns, startWorld } from './world.js';

const SESSIONS = 100;
const WRITES = 2_000;
const ROUNDS = 7;
const FIRST_LOGIN = 812;

export const AUTH_CASE: BenchCase = {
  name: 'pg-auth',
  about: `${WRITES} key writes of ${SESSIONS} sessions at once on Postgres, beside a pool of naive writers (a row a key, one statement each)`,
  async measure() {
    const world = await startWorld({ sessions: SESSIONS });
    const { pool, store, ids } = world;
    try {
      await pool.query(
        `CREATE TABLE naive (session text, type text, id text, value bytea NOT NULL, PRIMARY KEY (session, type, id))`,
      );
      const value = randomBytes(250);
      const keys = Array.from({ length: WRITES }, (_, index) => ({
        sessionId: ids[index % SESSIONS]!,
        id: `key-${index}`,
      }));
      const naive = () =>
        Promise.all(
          keys.map(({ sessionId, id }) =>
            pool.query({
              name: 'naive',
              text: `INSERT INTO naive VALUES ($1, 'session', $2, $3) ON CONFLICT (session, type, id) DO UPDATE SET value = excluded.value`,
              values: [sessionId, id, value],
            }),
          ),
        );
      const ours = () =>
        Promise.all(
          keys.map(({ sessionId, id }) =>
            store.auth.write({ sessionId, tenure: null, entries: [{ type: 'session', id, value }] }),
          ),
        );
      const bareLogin = Array.from({ length: FIRST_LOGIN }, (_, index) => ({
        type: 'pre-key',
        id: String(index),
        value,
      }));
      const login = () => store.auth.write({ sessionId: ids[0]!, tenure: null, entries: bareLogin });
      await inTurns(2, naive, ours);
      const [naives, mine] = await inTurns(ROUNDS, naive, ours);
      await login();
      const [, logins] = await inTurns(ROUNDS, async () => {}, login);
      return [
        {
          name: 'naive writers / group commit',
          value: median(naives.map((ms, round) => ms / mine[round]!)),
          target: { atLeast: 2 },
          detail: `medians ${median(naives).toFixed(0)} and ${median(mine).toFixed(0)} ms of ${ROUNDS} rounds in turns`,
        },
        {
          name: `${FIRST_LOGIN} keys of a first login, ms`,
          value: median(logins),
          target: null,
          detail: 'one statement',
        },
      ];
    } finally {
      await world.stop();
    }
  },
};
