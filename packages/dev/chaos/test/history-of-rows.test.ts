import { expect, it } from 'vitest';
import { INVARIANTS, judgeHistory } from '../../simulator/index.js';
import type { RawChange, RawReplica, RawRow } from '../audit.js';
import { historySettings } from '../chaos-settings.js';
import { historyOfRows } from '../history-of-rows.js';

const startedAt = new Date('2025-01-01T00:00:00Z');

/** A database's log, line by line: who did what to the row of session `a`. */
function createLog() {
  const changes: RawChange[] = [];
  let row: RawRow | null = null;
  const push = (change: Omit<RawChange, 'no' | 'at'>) =>
    changes.push({ no: changes.length + 1, at: new Date(startedAt.getTime() + 100 * changes.length), ...change });
  return {
    join(actor: string) {
      const after: RawReplica = { incarnation: `of ${actor}`, replica_id: actor, fenced_at: null, mass_outage: false };
      push({ actor, of: 'replica', before: null, after });
    },
    change(actor: string, set: Partial<RawRow>) {
      const before = row;
      row = { ...(before ?? NEW), version: (before?.version ?? 0) + 1, write_id: `write ${changes.length}`, ...set };
      push({ actor, of: 'session', before, after: row });
    },
    judge() {
      const settings = historySettings({ seed: 1, startedAt, calmFromMs: 0, endMs: 60_000 });
      const history = historyOfRows(changes, startedAt);
      history.unshift({ t: 0, actor: 'world', what: 'settings', settings });
      const invariants = INVARIANTS.filter(({ name }) => ['S2', 'S3', 'S4', 'S13'].includes(name));
      return judgeHistory(history, invariants).violations.map(({ invariant, words }) => `${invariant} ${words}`);
    },
  };
}

const NEW: RawRow = {
  ...{ id: 'a', status: 'DISCONNECTED', evidence: 'unobserved', health: 'healthy', desired: 'running', active: true },
  ...{ reason_code: null, reason_detail: null, reconnect_attempt: 0, phone: null, qr: null },
  ...{ owner: null, tenure: null, version: 1, write_id: null },
  ...{ status_changed_at: startedAt.toISOString(), last_seen_at: null, created_at: startedAt.toISOString() },
};
const held = (actor: string, tenure: string) => ({ owner: `of ${actor}`, tenure });
const connected = { status: 'CONNECTED', evidence: 'observed' };

/** r1 holds the session and is connected; then its lease ends and r2 takes over. */
function takenOver() {
  const log = createLog();
  log.change('judge', {});
  for (const actor of ['r1', 'r2']) log.join(actor);
  log.change('r1', held('r1', 't1'));
  log.change('r1', connected);
  log.change('r2', { owner: null, tenure: null, status: 'DISCONNECTED', evidence: 'expired' });
  log.change('r2', held('r2', 't2'));
  return log;
}

it('finds nothing wrong with a take-over', () => {
  const log = takenOver();
  log.change('r2', connected);
  expect(log.judge()).toEqual([]);
});

it('finds a write under an old tenure', () => {
  const log = takenOver();
  log.change('r1', connected);
  expect(log.judge()).toEqual([expect.stringContaining('S3 r1 wrote a under tenure t1')]);
});

it('finds a session that was taken from a living owner', () => {
  const log = takenOver();
  log.change('r1', held('r1', 't3'));
  expect(log.judge()).toEqual(['S2 r1 took a from of r2, which held it']);
});

it('finds a tenure that comes back', () => {
  const log = takenOver();
  log.change('r2', { owner: null, tenure: null, status: 'DISCONNECTED', evidence: 'observed' });
  log.change('r1', held('r1', 't1'));
  expect(log.judge()).toEqual([expect.stringContaining('tenure t1 came back')]);
});

it('finds a DISCONNECTED that nobody saw and whose evidence does not say so', () => {
  const log = takenOver();
  log.change('r1', { owner: null, tenure: null, status: 'DISCONNECTED', evidence: 'expired' });
  expect(log.judge()).toEqual([]);
  const lying = takenOver();
  lying.change('r2', connected);
  lying.change('r1', { owner: null, tenure: null, status: 'DISCONNECTED', evidence: 'observed' });
  expect(lying.judge()).toEqual([expect.stringContaining('S4 a became DISCONNECTED / observed by freeFenced')]);
});

it('finds a LOGGED_OUT that was left without a pairing', () => {
  const log = takenOver();
  log.change('r2', { status: 'LOGGED_OUT', evidence: 'observed' });
  log.change('r2', { status: 'RECONNECTING' });
  expect(log.judge()).toEqual([expect.stringContaining('S13 a went from LOGGED_OUT to RECONNECTING')]);
});
