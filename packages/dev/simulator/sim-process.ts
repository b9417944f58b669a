/**
 * One process of the world: it runs, is stopped by a signal, suspended with its machine, or dead. Owns its clocks and
 * the door through which everything reaches its code: timers, answers of the store, frames. A stopped process receives
 * what happened once it goes on; a dead one never.
 */
import type { Clock } from '@wa-sync/core';
import type { Draw } from './draw.js';
import type { Recorder } from './history.js';
import type { Timeline } from './timeline.js';

// Sums of fractions of a millisecond differ in their last bits.
const ROUNDING_MS = 1e-6;

export interface SimProcess {
  readonly name: string;
  readonly replicaId: string;
  readonly clock: Clock;
  /** How fast its timers and its monotonic clock run against the timeline, which is the store's clock. */
  readonly clockRate: number;
  readonly state: 'running' | 'paused' | 'dead';
  /** Runs `run` inside the process: now, once it goes on, or never. */
  deliver(run: () => void): void;
  /** SIGSTOP for `ms`; with `suspend` the machine sleeps and its monotonic clock stands still. */
  pause(ms: number, options?: { suspend?: boolean }): void;
  resume(): void;
  /** kill -9, or the end of a stop. */
  end(state: 'crashed' | 'stopped'): void;
  stepWallClock(ms: number): void;
  /** Whether it ran without a break of `breakMs` or more since then. */
  ranSince(sinceMs: number, breakMs: number): boolean;
  /**
   * The instant at which something that came at `atMs` was seen by the process, `null` where that is still to come.
   */
  seenAtMs(atMs: number): number | null;
}

export function createSimProcess(params: {
  name: string;
  replicaId: string;
  timeline: Timeline;
  draw: Draw;
  recorder: Recorder;
  wallStartMs: number;
  clockRate: number;
}): SimProcess {
  const { name, replicaId, timeline, draw, recorder, clockRate } = params;
  const waiting: { readonly kind: 'timer' | 'io'; readonly run: () => void }[] = [];
  const breaks: { readonly fromMs: number; toMs: number }[] = [];
  let state: SimProcess['state'] = 'running';
  let wallOffsetMs = params.wallStartMs;
  let sleptMs = 0;
  let suspended = false;
  let pausedAtMs = 0;
  let pauses = 0;

  const monotonicMs = (): number => ((suspended ? pausedAtMs : timeline.nowMs()) - sleptMs) * clockRate;
  const onTimeline = (ownMs: number): number => (clockRate === 1 ? ownMs : Math.ceil(ownMs / clockRate));

  function receive(kind: 'timer' | 'io', run: () => void): void {
    if (state === 'running') run();
    else if (state === 'paused') waiting.push({ kind, run });
  }

  function schedule(run: () => void, delayMs: number): () => void {
    const dueMs = monotonicMs() + (Number.isNaN(delayMs) ? 0 : Math.max(0, delayMs));
    let cancelled = false;
    const fire = (): void => {
      if (cancelled) return;
      // The monotonic clock stood still for a while: the timer is not due yet.
      const leftMs = dueMs - monotonicMs();
      if (leftMs > ROUNDING_MS) cancel = timeline.after(onTimeline(leftMs), arm);
      else {
        cancelled = true;
        run();
      }
    };
    const arm = (): void => receive('timer', fire);
    let cancel = timeline.after(onTimeline(delayMs), arm);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  function resume(): void {
    if (state !== 'paused') return;
    const nowMs = timeline.nowMs();
    if (suspended) sleptMs += nowMs - pausedAtMs;
    suspended = false;
    state = 'running';
    breaks.at(-1)!.toMs = nowMs;
    recorder.note({ actor: name, what: 'process', state: 'resumed', replicaId });
    const all = waiting.splice(0);
    // Which the event loop takes up first is not said anywhere.
    const ioFirst = draw.chance(0.5);
    const ordered = [
      ...all.filter((one) => (one.kind === 'io') === ioFirst),
      ...all.filter((one) => (one.kind === 'io') !== ioFirst),
    ];
    for (const { kind, run } of ordered) timeline.after(0, () => receive(kind, run));
  }

  return {
    name,
    replicaId,
    clockRate,
    clock: {
      now: () => new Date(wallOffsetMs + timeline.nowMs()),
      monotonicMs,
      schedule,
      yield: () => new Promise((resolve) => timeline.after(0, () => receive('io', resolve))),
    },
    get state() {
      return state;
    },
    deliver: (run) => receive('io', run),
    pause(ms, { suspend = false } = {}) {
      if (state !== 'running') return;
      state = 'paused';
      suspended = suspend;
      pausedAtMs = timeline.nowMs();
      breaks.push({ fromMs: pausedAtMs, toMs: Number.POSITIVE_INFINITY });
      recorder.note({
        actor: name,
        what: 'process',
        state: 'paused',
        replicaId,
        detail: `${suspend ? 'suspend' : 'stop'} ${ms}`,
      });
      pauses += 1;
      const mine = pauses;
      timeline.after(ms, () => {
        if (mine === pauses) resume();
      });
    },
    resume,
    end(how) {
      if (state === 'dead') return;
      state = 'dead';
      waiting.length = 0;
      recorder.note({ actor: name, what: 'process', state: how, replicaId });
    },
    stepWallClock(ms) {
      wallOffsetMs += ms;
      recorder.note({ actor: name, what: 'clock-step', byMs: ms });
    },
    ranSince: (sinceMs, breakMs) => !breaks.some(({ fromMs, toMs }) => toMs > sinceMs && toMs - fromMs >= breakMs),
    seenAtMs(atMs) {
      const during = breaks.find((pause) => pause.fromMs <= atMs && atMs < pause.toMs);
      if (!during) return atMs;
      const seenMs = during.toMs + 1;
      return seenMs <= timeline.nowMs() ? seenMs : null;
    },
  };
}
