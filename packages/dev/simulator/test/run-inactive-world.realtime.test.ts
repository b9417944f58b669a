import type { GuardedWrite } from '@wa-sync/core';
import { describe, expect, it } from 'vitest';
import { type EntryOf, type HistoryEntry, judgeHistory, runInactiveWorld } from '../index.js';

const of = <What extends HistoryEntry['what']>(history: readonly HistoryEntry[], what: What) =>
  history.filter((entry): entry is EntryOf<What> => entry.what === what);

describe('accounts that are silent and healthy', () => {
  it('keep their sockets for 24 hours: 20 of them, asked over and over, without a reconnect or a write', {
    timeout: 300_000,
  }, async () => {
    const history = await runInactiveWorld({ accounts: 20, hours: 24, framesEveryMs: 35_000 });
    const links = of(history, 'link');
    expect(links.map(({ event }) => event)).toEqual(Array.from({ length: 20 }, () => 'open'));
    expect(of(history, 'heal')).toEqual([]);
    const [end] = of(history, 'truth').filter(({ moment }) => moment === 'end');
    const rows = end!.rows.filter(({ id }) => id !== 'ghost');
    expect(rows.map(({ effective }) => effective.status)).toEqual(Array.from({ length: 20 }, () => 'CONNECTED'));
    // All of them while they came up, none afterwards.
    const writes = of(history, 'commit').filter(({ method }) => method === 'write');
    const written = writes.flatMap(({ t, params }) =>
      (params as { writes: readonly GuardedWrite[] }).writes.map(() => t),
    );
    expect(written.length).toBeGreaterThanOrEqual(20);
    expect(Math.max(...written)).toBeLessThan(60_000);
    const { violations, tested } = judgeHistory(history);
    expect(violations).toEqual([]);
    expect(tested.L6).toBeGreaterThan(20 * 24 * 600);
  });
});
