import type { BeginAnswer } from '@wa-sync/core';
import type { HistoryEntry } from '../history.js';
import { createLeaseFollower, type Invariant, settingsOf } from './invariant.js';
import { livesOf } from './processes.js';

interface Begin {
  readonly t: number;
  readonly actor: string;
  readonly job: string;
  readonly slotMs: number | null;
  readonly owner: string;
  readonly runId: string;
  readonly answer: BeginAnswer;
}

function beginsOf(history: readonly HistoryEntry[]): Begin[] {
  const begins: Begin[] = [];
  for (const entry of history) {
    if (entry.what !== 'commit' || entry.method !== 'begin' || entry.result === 'refused') continue;
    const { runId, job, slot, owner } = entry.params as {
      runId: string;
      job: string;
      slot: Date | null;
      owner: string;
    };
    const answer = entry.result as BeginAnswer;
    begins.push({ t: entry.t, actor: entry.actor, job, slotMs: slot?.getTime() ?? null, owner, runId, answer });
  }
  return begins;
}

export const S10: Invariant = {
  name: 'S10',
  promise: 'one run per cluster job and slot, no overlap',
  check(history, bench) {
    const { ttlMs, rollbacks } = settingsOf(history);
    if (rollbacks) return;
    const leases = createLeaseFollower(ttlMs);
    const slots = new Set<string>();
    const asked = new Set<string>();
    const running = new Map<string, { readonly runId: string; readonly owner: string; readonly actor: string }>();
    const begins = new Map(beginsOf(history).map((begin) => [`${begin.t} ${begin.runId}`, begin]));
    for (const entry of history) {
      if (entry.what === 'commit' && entry.method === 'begin' && entry.result !== 'refused') {
        const begin = begins.get(`${entry.t} ${(entry.params as { runId: string }).runId}`)!;
        const { job, slotMs, answer, runId } = begin;
        bench.tested();
        // Asked again after its answer was lost, it is still one run.
        const first = !asked.has(runId);
        asked.add(runId);
        // Whoever asks sees that a run's lease is over, which ends the run, also where its owner finds its lease
        // again.
        const seen = running.get(job);
        const sees = first && (answer.begun || answer.why !== 'fenced');
        if (seen && sees && !leases.stands(seen.owner, entry.t)) running.delete(job);
        if (answer.begun && first) {
          const slot = `${job} ${slotMs}`;
          if (slotMs !== null && slots.has(slot))
            bench.broken(entry.t, `${job} ran twice for its slot ${new Date(slotMs).toISOString()}`);
          slots.add(slot);
          const other = running.get(job);
          if (other && other.runId !== runId && leases.stands(other.owner, entry.t)) {
            bench.broken(entry.t, `${job} was begun by ${entry.actor} while ${other.actor} ran it`);
          }
          running.set(job, { runId, owner: begin.owner, actor: entry.actor });
        }
      }
      // Also where the run was given up meanwhile: whoever ran it does so no more.
      if (entry.what === 'commit' && entry.method === 'end' && entry.result !== 'refused') {
        const { runId } = entry.params as { runId: string };
        for (const [job, run] of running) if (run.runId === runId) running.delete(job);
      }
      leases.follow(entry);
    }
  },
};

/** The instants at which a daily job is due, found by reading the wall clock of the zone minute by minute. */
function dailyInstants(
  fromMs: number,
  toMs: number,
  daily: string,
  timeZone: string,
): { atMs: number; date: string }[] {
  const [minute, hour] = daily.split(' ').map(Number) as [number, number];
  const wanted = hour * 60 + minute;
  const format = new Intl.DateTimeFormat('en-CA', {
    ...{
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    },
  });
  const found = new Map<string, number>();
  let before: number | null = null;
  for (let atMs = Math.floor(fromMs / 60_000) * 60_000; atMs <= toMs; atMs += 60_000) {
    const [date, time] = format.format(atMs).split(', ') as [string, string];
    const [hours, minutes] = time.split(':').map(Number) as [number, number];
    const local = hours * 60 + minutes;
    // The first minute of the date at or past the wanted one: the minute itself, or the end of the gap that swallowed
    // it.
    if (before !== null && local >= wanted && (before < wanted || before > local) && !found.has(date))
      found.set(date, atMs);
    before = local;
  }
  return [...found].map(([date, atMs]) => ({ date, atMs }));
}

const dateIn = (timeZone: string) => {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  return (atMs: number): string => format.format(atMs);
};

export const S12: Invariant = {
  name: 'S12',
  promise: 'one daily run on both days of a clock change, and no interval lost',
  check(history, bench) {
    const { daily, timeZone, storeStartMs, endMs, rollbacks } = settingsOf(history);
    if (daily === null || rollbacks) return;
    const day = 86_400_000;
    const instants = dailyInstants(storeStartMs - day, storeStartMs + endMs, daily, timeZone);
    const expected = instants.filter(({ atMs }) => atMs > storeStartMs);
    const runs = beginsOf(history).filter(
      ({ job, answer, slotMs }) => job === 'inactivity' && answer.begun && slotMs !== null,
    );
    const dateOf = dateIn(timeZone);
    const dates = new Set<string>();
    const asked = new Set<string>();
    for (const { slotMs, t, runId } of runs) {
      if (asked.has(runId)) continue;
      asked.add(runId);
      bench.tested();
      const date = dateOf(slotMs!);
      if (dates.has(date)) bench.broken(t, `the daily job ran twice on ${date}`);
      dates.add(date);
      if (!expected.some(({ atMs }) => atMs === slotMs))
        bench.broken(t, `${new Date(slotMs!).toISOString()} is no slot of ${daily} in ${timeZone}`);
    }
    const lives = [...livesOf(history).values()];
    for (const { atMs, date } of expected) {
      const dueMs = atMs - storeStartMs;
      // Whoever runs in peace for a minute after it must have run it.
      const able = lives.find((life) => {
        const fromMs = Math.max(dueMs, life.runningMs);
        return life.clear(fromMs, fromMs + 60_000) && life.stoppingMs > fromMs + 60_000 && fromMs + 60_000 < endMs;
      });
      if (!able) continue;
      bench.tested();
      const doneMs = Math.max(dueMs, able.runningMs) + 60_000;
      if (!runs.some((run) => run.slotMs! >= atMs && run.t <= doneMs))
        bench.broken(doneMs, `the daily job of ${date} was missed`);
    }
  },
};

export const L3: Invariant = {
  name: 'L3',
  promise: 'a missed slot runs within 60 s of start, and a slot within 60 s of its instant',
  check(history, bench) {
    const { daily, storeStartMs, rollbacks } = settingsOf(history);
    if (daily !== null || rollbacks) return;
    const begins = beginsOf(history).filter(({ job, slotMs }) => job === 'inactivity' && slotMs !== null);
    for (const life of livesOf(history).values()) {
      if (life.runningMs === Number.POSITIVE_INFINITY) continue;
      const endMs = Math.min(life.endedMs, life.stoppingMs, history.at(-1)!.t);
      for (let fromMs = life.runningMs; fromMs + 120_000 < endMs; fromMs += 60_000) {
        if (!life.clear(fromMs, fromMs + 120_000)) continue;
        bench.tested();
        const slotMs = Math.floor((storeStartMs + fromMs + 60_000) / 60_000) * 60_000;
        const met = begins.some((begin) => begin.slotMs! >= slotMs && begin.t <= slotMs - storeStartMs + 60_000);
        if (!met)
          bench.broken(
            fromMs + 120_000,
            `nobody took up the slot ${new Date(slotMs).toISOString()} while ${life.name} ran in peace`,
          );
      }
    }
  },
};
