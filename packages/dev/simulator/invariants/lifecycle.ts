import { createRowFollower, type Invariant, settingsOf } from './invariant.js';
import { livesOf } from './processes.js';

/** After a crash a row names the dead no longer than its lease and two ticks, where somebody lives who can see it. */
export const L1: Invariant = {
  name: 'L1',
  promise: 'after kill -9 the effective status is right at ttl, the stored row at ttl + 10 s',
  check(history, bench) {
    const { ttlMs, tickMs, rollbacks } = settingsOf(history);
    const lives = [...livesOf(history).values()];
    const { rows, follow } = createRowFollower();
    const due: { readonly atMs: number; readonly incarnation: string; readonly name: string }[] = [];
    for (const life of lives) {
      const incarnation = life.incarnations.at(-1)?.id;
      if (life.how !== 'crashed' || !incarnation || rollbacks) continue;
      for (const observer of lives) {
        if (observer === life || observer.runningMs === Number.POSITIVE_INFINITY) continue;
        const fromMs = Math.max(life.endedMs, observer.runningMs);
        // Counted by the clock of who sees it.
        const atMs = fromMs + (ttlMs + 2 * tickMs) / observer.clockRate + 500;
        // What the dead one had on its way may still arrive.
        if (observer.clear(fromMs, atMs) && observer.stoppingMs > atMs && !lateFrom(life.name, life.endedMs)) {
          due.push({ atMs, incarnation, name: life.name });
        }
      }
    }
    due.sort((a, b) => a.atMs - b.atMs);

    function lateFrom(name: string, endedMs: number): boolean {
      return history.some((entry) => entry.what === 'commit' && entry.actor === name && entry.t > endedMs + 1_000);
    }

    const judge = (t: number): void => {
      for (let next = due[0]; next && next.atMs < t; next = due[0]) {
        due.shift();
        bench.tested();
        for (const row of rows.values()) {
          if (row.owner === next.incarnation)
            bench.broken(next.atMs, `${row.id} still names ${next.name}, which is dead`);
        }
      }
    };
    for (const entry of history) {
      judge(entry.t);
      follow(entry);
      if (entry.what !== 'truth' || entry.moment !== 'after-crash' || rollbacks) continue;
      const dead = lives.find(({ incarnations }) => incarnations.at(-1)?.id === entry.of);
      if (!dead || lateFrom(dead.name, dead.endedMs)) continue;
      for (const row of entry.rows) {
        if (row.owner !== entry.of) continue;
        bench.tested();
        if (row.effective.status === 'CONNECTED')
          bench.broken(entry.t, `${row.id} reads CONNECTED a lease after its owner died`);
      }
    }
  },
};

export const L4: Invariant = {
  name: 'L4',
  promise: 'a stop writes what it means within 1.2 s',
  check(history, bench) {
    const lives = livesOf(history);
    const locks = history.flatMap((entry) =>
      entry.what === 'fault' && entry.kind === 'row_locked' ? [[entry.t, entry.t + Number(entry.detail)] as const] : [],
    );
    const someLocked = (fromMs: number, toMs: number) => locks.some(([from, to]) => from < toMs && to > fromMs);
    for (const life of lives.values()) {
      if (life.how !== 'stopped' || life.stoppingMs === Number.POSITIVE_INFINITY) continue;
      // Judged up to the moment before its end, which `clear` counts as an end of its own.
      const calm = life.clear(life.stoppingMs - 2_000, life.endedMs - 1);
      const tookMs = life.endedMs - life.stoppingMs;
      if (!calm || life.runningMs > life.stoppingMs) continue;
      // A row that somebody has locked is waited for, within the time of the stop.
      if (someLocked(life.stoppingMs, life.endedMs)) continue;
      bench.tested();
      if (tookMs > 1_250) bench.broken(life.endedMs, `${life.name} needed ${tookMs} ms to stop`);
      const incarnation = life.incarnations.at(-1)?.id;
      const read = history.find(
        (entry) => entry.what === 'truth' && entry.moment === 'after-stop' && entry.of === incarnation,
      );
      if (read?.what !== 'truth') continue;
      const wentBack = history.some(({ what, t }) => what === 'rollback' && t > life.stoppingMs && t <= read.t);
      if (wentBack) continue;
      for (const row of read.rows) {
        if (row.owner === incarnation) bench.broken(read.t, `${row.id} still names ${life.name}, which has stopped`);
      }
    }
  },
};
