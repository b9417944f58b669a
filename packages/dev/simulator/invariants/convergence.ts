import type { HistoryEntry } from '../history.js';
import { agrees, type Invariant } from './invariant.js';
import { lifeOf, livesOf } from './processes.js';

/** At the calm end every row says what is true. */
export const L2: Invariant = {
  name: 'L2',
  promise: 'converged one sweep after recovery',
  check(history, bench) {
    const end = history.findLast((entry) => entry.what === 'truth' && entry.moment === 'end');
    if (end?.what !== 'truth') throw new Error('The history has no end');
    const rows = new Map(end.rows.map((row) => [row.id, row]));
    for (const { session, openBy, openAt, said, exempt, login, mode } of end.sessions) {
      const row = rows.get(session);
      if (exempt) continue;
      bench.tested();
      const shown = row?.effective.status;
      const broken = (words: string): void =>
        bench.broken(
          end.t,
          `${session} (${mode}, ${login}) reads ${shown} / ${row?.evidence} (${row?.reason?.code}), ${words}`,
        );
      if (!row) {
        bench.broken(end.t, `${session} has no row`);
        continue;
      }
      if ((shown === 'CONNECTED') !== (openAt !== null))
        broken(openAt ? `and its link is open at ${openAt}` : 'and no link is open');
      if (openBy && row.owner !== openBy) broken(`held by ${row.owner}, and its link is open at ${openAt}`);
      if (row.owner !== null && !end.living.includes(row.owner)) broken(`held by ${row.owner}, which is gone`);
      const word = row.owner === null ? undefined : said[row.owner];
      if (word !== undefined && !agrees(row, word)) broken(`stored ${row.status}, and its connection says ${word}`);
      if (row.owner !== null && word === undefined) broken(`held by ${row.owner}, which has no connection for it`);
      // A login that ended is opened again by a person only.
      const wanted =
        row.status !== 'LOGGED_OUT' &&
        mode === 'provided' &&
        row.desired === 'running' &&
        row.active &&
        login === 'paired' &&
        end.living.length > 0;
      if (wanted && openAt === null) broken('and nobody opened it');
    }
  },
};

/** What a sweep must have put right: rows whose session nothing happened to while it ran. */
export const L5: Invariant = {
  name: 'L5',
  promise: 'every owned session is judged in every sweep',
  check(history, bench) {
    const lives = livesOf(history);
    for (const [index, entry] of history.entries()) {
      if (entry.what !== 'sync' || !entry.ok || !entry.judged) continue;
      const judged = new Set(entry.judged);
      bench.tested(entry.held.length);
      for (const session of entry.held) {
        if (!judged.has(session)) bench.broken(entry.t, `${entry.actor} left ${session} out of a sweep`);
      }
      const read = history[index + 1];
      if (read?.what !== 'truth' || read.moment !== 'after-sync') continue;
      const life = lives.get(entry.actor);
      if (!life?.clear(entry.sinceMs, entry.t)) continue;
      const touched = touchedSince(history, index, entry.sinceMs);
      for (const row of read.rows) {
        const truth = read.sessions.find(({ session }) => session === row.id);
        if (!truth || row.owner !== read.of || lifeOf(lives, row.owner!) !== life || touched.has(row.id)) continue;
        const word = truth.said[row.owner!];
        if (word === undefined) continue;
        bench.tested();
        if (!agrees(row, word)) {
          bench.broken(
            read.t,
            `${row.id} reads ${row.status} right after a sweep of ${entry.actor}, and its connection says ${word}`,
          );
        }
      }
    }
  },
};

/** Sessions to which something happened since then, whose adapter did not do its work, or whose row was locked. */
function touchedSince(history: readonly HistoryEntry[], from: number, sinceMs: number): Set<string> {
  const touched = new Set<string>();
  for (let index = from; index >= 0; index -= 1) {
    const entry = history[index]!;
    if (entry.t < sinceMs - 41_000) break;
    if (entry.what === 'fault' && /^(snapshot_|row_locked$)/.test(entry.kind)) touched.add(entry.target);
    if (entry.t < sinceMs - 500) continue;
    if (entry.what === 'client' || entry.what === 'link' || entry.what === 'provider-open') touched.add(entry.session);
    // By the store's own word: the new owner hears of it only with the answer.
    if (entry.what === 'commit' && entry.method === 'claim') {
      for (const { id } of (entry.params as { claims: readonly { id: string }[] }).claims) touched.add(id);
    }
    if (entry.what === 'event' && entry.name === 'ownership:gained') {
      touched.add((entry.payload as { sessionId: string }).sessionId);
    }
    if (entry.what === 'foreign' || entry.what === 'rollback') {
      for (const { before, after } of entry.changes) touched.add((after ?? before)!.id);
    }
  }
  return touched;
}
