import type { CleanupReport, InactivityReport } from '@wa-sync/core';
import { describe, expect, it } from 'vitest';
import * as wire from '../src/reply/wire-schemas.js';
import { cleanupResult, inactivityResult } from '../src/runs/run-results.js';

const startedAt = new Date(0);
const cleaned: CleanupReport = {
  startedAt,
  tookMs: 5,
  dryRun: false,
  postponed: null,
  totals: { sessions: 9, deactivated: 1, purged: 1, cameBack: 0, failed: 1, left: 2 },
  sessions: [
    { id: 'a', status: 'DISCONNECTED', aliveAt: startedAt, inactiveForMs: 1, stage: 'deactivate', outcome: 'done' },
    {
      id: 'b',
      status: 'ERROR',
      aliveAt: startedAt,
      inactiveForMs: 2,
      stage: 'purge',
      outcome: 'done',
      credentials: 'host',
    },
  ],
};
const checked: InactivityReport = {
  startedAt,
  tookMs: 5,
  dryRun: true,
  postponed: null,
  open: 40,
  totals: { checked: 3, closed: 1, warned: 1, waiting: 1, skipped: 0, cancelled: 0, failed: 0, adopted: 0 },
  conversations: [{ id: 'c', sessionId: 'a', inactiveForMs: 7, outcome: 'would_close', reason: 'quiet' }],
};

describe('what a run returns', () => {
  it('of a cleanup', () => {
    const { message, report } = cleanupResult(cleaned);
    expect(message).toBe('Deactivated 1 session, deleted 1, 1 failed, 2 left for the next run');
    expect(wire.cleanupReport.parse(report)).toMatchObject({
      sessions: [{ aliveAt: '1970-01-01T00:00:00.000Z' }, { credentials: 'host' }],
    });
    expect(cleanupResult({ ...cleaned, dryRun: true }).message).toMatch(/^Would deactivate 1 session, would delete 1/);
    expect(cleanupResult({ ...cleaned, postponed: 'mass_outage' }).message).toMatch(/^Nothing was done: most sessions/);
  });

  it('of a check of inactive conversations', () => {
    const { message, report } = inactivityResult(checked);
    expect(message).toBe('Checked 3 of 40 open conversations: 1 would be closed, 1 would be warned, 1 waiting');
    const { totals } = checked;
    expect(inactivityResult({ ...checked, dryRun: false, totals: { ...totals, adopted: 45 } }).message).toBe(
      'Checked 3 of 40 open conversations: 1 closed, 1 warned, 1 waiting, 45 newly registered',
    );
    expect(inactivityResult({ ...checked, open: null }).message).toMatch(/^Checked 3 conversations: 1 would/);
    const none = { ...totals, checked: 0, closed: 0, warned: 0, waiting: 0 };
    const [two, one] = [2, 1].map((open) => inactivityResult({ ...checked, dryRun: false, open, totals: none }));
    expect(two?.message).toBe('Checked 0 of 2 open conversations: 0 closed');
    expect(one?.message).toBe('Checked 0 of 1 open conversation: 0 closed');
    expect(wire.inactivityReport.parse(inactivityResult({ ...checked, open: null }).report).open).toBeNull();
    expect(wire.inactivityReport.parse(report)).toMatchObject({ open: 40, conversations: checked.conversations });
    expect(inactivityResult({ ...checked, postponed: 'running_elsewhere' }).message).toBe(
      'Nothing was done: another run goes on',
    );
  });
});
