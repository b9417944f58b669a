import { SEED } from '@wa-sync/dev/tests/seed';
import { describe, expect, it } from 'vitest';
import { playFaultScript, type ScriptOutcome, SESSIONS } from './fault-script.js';

const SCRIPTS = Number(process.env.WA_SYNC_SCRIPTS ?? 2);
/** Sessions mostly wait, so that some scripts fit beside each other. */
const AT_ONCE = 2;

describe('random fault scripts', () => {
  it(`leave every row as the server sees it: ${SCRIPTS} scripts on ${SESSIONS} sessions (WA_SYNC_SEED=${SEED})`, {
    timeout: 300_000 + SCRIPTS * 60_000,
  }, async () => {
    const outcomes: ScriptOutcome[] = [];
    let next = 0;
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        while (next < SCRIPTS) {
          const seed = (SEED + next++) >>> 0;
          const outcome = await playFaultScript(seed);
          outcomes.push(outcome);
          if (SCRIPTS > 10) console.log(`${outcomes.length}: ${JSON.stringify(outcome)}`);
        }
      }),
    );
    const totals: Record<string, number> = {};
    for (const { faults } of outcomes) {
      for (const [kind, times] of Object.entries(faults)) totals[kind] = (totals[kind] ?? 0) + times;
    }
    const settledMs = outcomes.map((outcome) => outcome.settledMs).sort((a, b) => a - b);
    console.log(
      `${SCRIPTS} fault scripts from seed ${SEED}; right after ${settledMs[Math.floor(settledMs.length / 2)]} ms (median), ${settledMs.at(-1)} ms (longest)\n`,
      Object.entries(totals)
        .sort(([, a], [, b]) => b - a)
        .map(([kind, times]) => `${kind} ${times}`)
        .join(', '),
    );
    expect(outcomes.filter(({ wrong }) => wrong.length > 0)).toEqual([]);
    expect(outcomes).toHaveLength(SCRIPTS);
    expect(totals.silence).toBeGreaterThan(0);
  });
});
