import type { EntryOf, HistoryEntry } from '../history.js';
import { agrees, changesOf, createRowFollower, type Invariant, settingsOf } from './invariant.js';
import { livesOf, type ProcessLife } from './processes.js';

/** Calls take tens of milliseconds here; what is asked for is a second. */
const WITHIN_MS = 2_000;
/** A row that was locked is right half a second after its lock, and what was asked of the store by then is through. */
const UNLOCKED_MS = 600;
/** What only a sweep can find is left out until the sweep after it is over. */
const SWEPT_MS = 75_000;

interface Word {
  readonly status: string;
  readonly atMs: number;
}

/** What the connections of a process said last, and until when a session may not be judged. */
function createSayings() {
  const words = new Map<string, Word>();
  const exemptUntil = new Map<string, number>();
  const foreignAt = new Map<string, number>();
  const takenAt = new Map<string, number>();
  const exempt = (session: string, untilMs: number): void => {
    exemptUntil.set(session, Math.max(exemptUntil.get(session) ?? 0, untilMs));
  };
  return {
    word: (process: string, session: string) => words.get(`${process} ${session}`),
    judged: (session: string, t: number) => (exemptUntil.get(session) ?? 0) < t,
    /** When another program wrote the row last. */
    foreignAt: (session: string) => foreignAt.get(session) ?? Number.NEGATIVE_INFINITY,
    /** When the row came to its owner, who may not write it before. */
    takenAt: (session: string) => takenAt.get(session) ?? Number.NEGATIVE_INFINITY,
    follow(entry: HistoryEntry): void {
      if (entry.what === 'client')
        words.set(`${entry.actor} ${entry.session}`, { status: entry.status, atMs: entry.t });
      // Without a connection there is no word; what a failed stop left in the row is found by the next sweep.
      if (entry.what === 'provider-open' || entry.what === 'connection-closed')
        words.delete(`${entry.actor} ${entry.session}`);
      if (entry.what === 'fault' && entry.kind.startsWith('snapshot'))
        exempt(entry.target, entry.t + 45_000 + SWEPT_MS);
      if (entry.what === 'fault' && entry.kind === 'row_locked')
        exempt(entry.target, entry.t + Number(entry.detail) + UNLOCKED_MS);
      for (const { before, after } of changesOf(entry))
        if (after && after.owner !== before?.owner) takenAt.set(after.id, entry.t);
      if ((entry.what === 'foreign' && entry.did !== 'seed') || entry.what === 'rollback') {
        for (const { before, after } of changesOf(entry)) foreignAt.set((after ?? before)!.id, entry.t);
      }
    },
  };
}

const isAble = (life: ProcessLife, fromMs: number, t: number): boolean =>
  life.couldWrite(fromMs, t) && life.runningMs < fromMs && life.stoppingMs > t;

/**
 * At each answered beat of a process in peace, and at each answer while a beat hangs, the rows that it owns say what its
 * connections say.
 */
export const L6: Invariant = {
  name: 'L6',
  promise: 'what a connection says is in its row a moment later, also after what could not be written',
  check(history, bench) {
    const lives = livesOf(history);
    const { rows, follow } = createRowFollower();
    const sayings = createSayings();
    const { storeLimitMs } = settingsOf(history);
    const hungUntil = new Map<string, number>();
    for (const entry of history) {
      if (entry.what === 'fault' && entry.kind === 'beat_hangs' && entry.actor !== 'world')
        hungUntil.set(entry.actor, entry.t + storeLimitMs);
      const hangs = entry.t < (hungUntil.get(entry.actor) ?? 0);
      if (entry.what === 'answer' && entry.ok && (hangs || entry.method === 'beat')) judge(entry);
      sayings.follow(entry);
      follow(entry);
    }

    function judge({ actor, t }: EntryOf<'answer'>): void {
      const life = lives.get(actor);
      if (!life || !isAble(life, t - WITHIN_MS, t)) return;
      const incarnation = life.incarnations.findLast(({ atMs }) => atMs < t)?.id;
      for (const row of rows.values()) {
        if (row.owner !== incarnation || !sayings.judged(row.id, t)) continue;
        const word = sayings.word(actor, row.id);
        if (!word || t - Math.max(word.atMs, sayings.takenAt(row.id)) < WITHIN_MS) continue;
        // Only a sweep finds it, and only one that nothing disturbs.
        const foreign = t - sayings.foreignAt(row.id) < 4 * SWEPT_MS;
        if (foreign && (t - sayings.foreignAt(row.id) < SWEPT_MS || !isAble(life, t - SWEPT_MS, t))) continue;
        bench.tested();
        if (!agrees(row, word.status)) {
          bench.broken(
            t,
            `${row.id} reads ${row.status}, and its connection at ${actor} says ${word.status} for ${t - word.atMs} ms`,
          );
        }
      }
    }
  },
};

/** A link that died without a word is seen after the silence and the probes that mean dead. */
export const L7: Invariant = {
  name: 'L7',
  promise: 'a silent drop is in the row within the silence and the probes that mean dead',
  check(history, bench) {
    const { silenceMs, failures, probeTimeoutMs } = settingsOf(history);
    const limitMs = silenceMs + failures * probeTimeoutMs + 2 * WITHIN_MS;
    const lives = livesOf(history);
    const owners = new Map<string, string>();
    const { rows, follow } = createRowFollower();
    const due: { readonly atMs: number; readonly session: string; readonly link: string; readonly actor: string }[] =
      [];
    const ended = new Set<string>();
    const excused = new Set<string>();
    const steppedAt = new Map<string, number>();
    for (const entry of history) {
      for (let next = due[0]; next && next.atMs < entry.t; next = due[0]) {
        due.shift();
        const life = lives.get(next.actor);
        const row = rows.get(next.session);
        const owned = life?.incarnations.some(({ id }) => id === row?.owner);
        if (!life || !row || !owned || excused.has(next.session) || !isAble(life, next.atMs - limitMs, next.atMs))
          continue;
        // Nothing distinguishes a step of the wall clock from a suspend: the question that was out is asked again.
        if ((steppedAt.get(next.actor) ?? 0) > next.atMs - limitMs) continue;
        bench.tested();
        if (!ended.has(next.link) && row.status === 'CONNECTED') {
          bench.broken(next.atMs, `${next.session} reads CONNECTED ${limitMs} ms after its link fell silent`);
        }
      }
      if (entry.what === 'link' && entry.event === 'open') owners.set(entry.link, entry.actor);
      if (entry.what === 'link' && entry.event === 'ended') ended.add(entry.link);
      if (entry.what === 'clock-step') steppedAt.set(entry.actor, entry.t);
      if (entry.what === 'link' && entry.event === 'silent') {
        due.push({
          atMs: entry.t + limitMs,
          session: entry.session,
          link: entry.link,
          actor: owners.get(entry.link) ?? '',
        });
      }
      // An adapter that cannot be asked, or that does not know, leaves nothing to see; a row that is locked says it later.
      if (entry.what === 'fault' && /^(probe|snapshot)_|^row_locked$/.test(entry.kind)) excused.add(entry.target);
      // What was written and taken back is found by the next sweep.
      if (entry.what === 'rollback') for (const { before, after } of entry.changes) excused.add((after ?? before)!.id);
      follow(entry);
    }
  },
};
