import { beatOf } from '@wa-sync/testing/conformance';
import { type BenchCase, median } from '../bench-case.js';
import { inTurns, settle, startWorld, walBytes } from './world.js';

const SESSIONS = 100_000;
const ROUNDS = 11;
const expected = { status: 'CONNECTED', health: 'healthy', reason: null } as const;

export const SWEEP_CASE: BenchCase = {
  name: 'pg-sweep',
  about: `a sweep of ${SESSIONS} sessions on Postgres in which everything is right, beside the bare SELECT of (id, status, version)`,
  async measure() {
    const world = await startWorld({ sessions: SESSIONS });
    const { pool, store, owner } = world;
    try {
      const bare = () => pool.query('SELECT id, status, version FROM wa_sync.session WHERE owner = $1', [owner]);
      const sweep = () => store.sessions.sweep({ owner, expected, otherIds: [] });
      await bare();
      await sweep();
      const [bares, sweeps] = await inTurns(ROUNDS, bare, sweep);
      const ratios = sweeps.map((ms, round) => ms / bares[round]!);
      const sweepBytes = await walBytes(pool, sweep);
      const beat = () => store.leases.beat(beatOf(owner));
      await beat();
      await settle(pool);
      await beat();
      const beatBytes = await walBytes(pool, beat);
      return [
        {
          name: 'sweep / bare SELECT',
          value: median(ratios),
          target: { atMost: 1 },
          detail: `medians ${median(sweeps).toFixed(0)} and ${median(bares).toFixed(0)} ms of ${ROUNDS} rounds in turns`,
        },
        { name: 'WAL of a sweep, bytes', value: sweepBytes, target: { atMost: 1_023 }, detail: '' },
        { name: 'WAL of a beat, bytes', value: beatBytes, target: { atMost: 1_023 }, detail: 'one statement' },
      ];
    } finally {
      await world.stop();
    }
  },
};
