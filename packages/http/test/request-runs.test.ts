import { createManualClock } from '@wa-sync/testing';
import { describe, expect, it } from 'vitest';
import * as wire from '../src/reply/wire-schemas.js';
import { createRequestRuns } from '../src/runs/request-runs.js';
import { type RunResult, syncResult } from '../src/runs/run-results.js';

/** A result with a report on so many sessions. */
function resultOf(sessions: number, name = 'session-of-a-shop'): RunResult {
  const named = Array.from({ length: sessions }, (_, at) => {
    const id = `${name}-${at}`;
    return { id, stored: 'CONNECTED', actual: 'CONNECTED', action: 'none', reason: 'in_sync', tookMs: at } as const;
  });
  const totals = { checked: sessions, inSync: sessions, corrected: 0, unknown: 0, healed: 0, failed: 0 };
  return syncResult({ startedAt: new Date(0), tookMs: 1, totals, sessions: named, omitted: 0 });
}

describe('runs that outlast their request', () => {
  const runs = createRequestRuns(createManualClock());

  function begin(key: string, work: () => Promise<RunResult>) {
    const operation = 'POST /sync-all-sessions';
    const run = runs.start({ key, operation, sessionIds: null, work });
    runs.keep(run);
    return run;
  }

  async function play(count: number, sessions: number) {
    const ids: string[] = [];
    const result = resultOf(sessions);
    for (let at = 0; at < count; at += 1) {
      const run = begin('all', async () => result);
      ids.push(run.id);
      await run.settled;
    }
    return ids;
  }

  it('are kept up to 16 MB of reports, the last ones, and never dropped while they are under way', async () => {
    let end = (_: RunResult) => {};
    const long = begin('long', () => new Promise((resolve) => (end = resolve)));
    const ids = await play(200, 1_000);
    const texts = ids.map((id) => runs.find(id)?.text.length ?? 0);
    const found = texts.filter((length) => length > 0);
    expect(texts.slice(0, -found.length).every((length) => length === 0)).toBe(true);
    const characters = found.reduce((sum, length) => sum + length, 0);
    expect(characters).toBeLessThanOrEqual(16_000_000);
    expect(characters + found[0]!).toBeGreaterThan(16_000_000);
    const last = wire.requestRun.parse(JSON.parse(runs.find(ids.at(-1)!)!.text));
    expect(last).toMatchObject({ state: 'completed', problem: null, report: { totals: { inSync: 1_000 } } });
    expect(wire.requestRun.parse(JSON.parse(runs.find(long.id)!.text)).state).toBe('running');
    // What ended last is there, however long ago it began and however large it is.
    end(resultOf(1, 'x'.repeat(16_000_000)));
    await long.settled;
    expect(JSON.parse(runs.find(long.id)!.text)).toMatchObject({ state: 'completed' });
    expect(ids.filter((id) => runs.find(id))).toEqual([]);
  });

  it('are 500 at most', async () => {
    const ids = await play(520, 1);
    expect(ids.map((id) => runs.find(id) !== undefined)).toEqual(ids.map((_, at) => at >= 20));
  });
});
