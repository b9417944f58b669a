/**
 * Finds links that died without a word.
 *
 * Owns: the verdict of each held session (`deadSinceMs`), the probe in flight and the failures in a row. Probes silent
 * connections between sweeps, so that a silent drop is seen in seconds. `withTimeout` and the stall watch keep an
 * adapter that never settles, and a process that did not run, from being taken for a dead link.
 */
import type { Config } from '../../options/config.js';
import type { ProbeAnswer } from '../../ports/connection.js';
import type { Logger } from '../../ports/logger.js';
import type { Events } from '../events/emit-events.js';
import { createSlots, createTurns, withTimeout } from '../limits/limit-calls.js';
import type { Held, HeldSessions } from '../owned-sessions/held-sessions.js';
import { readSnapshot } from '../owned-sessions/observe.js';
import type { StallWatch } from './watch-stalls.js';

/** Connections that are checked before pending I/O gets its turn. */
const SLICE = 2_000;
const LONGEST_SCAN_MS = 2_000;
/** So many rounds may be missing before a beat no longer vouches for what they should have found. */
const ROUNDS_MISSED = 2;
/**
 * Where thousands of sessions fall silent together their probes are spread: so many are out at once, and in a second.
 */
export const PROBES_AT_ONCE = 64;
export const PROBES_PER_SECOND = 1_000;
/** A probe that waits costs nothing but memory, so after this time it leaves its place to the next one. */
const PLACE_HELD_MS = 250;
/** An adapter gets this much more than its time before it is taken for broken. */
const GRACE_MS = 1_000;

const ANSWERS = new Set<unknown>(['answered', 'timeout', 'unavailable'] satisfies ProbeAnswer[]);

/** What a check found. `unknown` is never dead. */
export type Verdict = 'alive' | 'dead' | 'unknown';

export type Liveness = ReturnType<typeof createLiveness>;

export function createLiveness(deps: {
  config: Pick<Config, 'probe' | 'clock' | 'logger' | 'observeOnly'>;
  held: HeldSessions;
  stalls: StallWatch;
  events: Pick<Events, 'emit'>;
  onVerdict(held: Held): void;
}) {
  const { held: sessions, stalls, events, onVerdict } = deps;
  const { clock, logger, probe, observeOnly } = deps.config;
  const takePlace = createSlots(PROBES_AT_ONCE);
  const takeTurn = createTurns(clock, PROBES_PER_SECOND);
  const scanMs = Math.min(LONGEST_SCAN_MS, Math.max(50, probe.silenceMs / 10));
  let cancel: (() => void) | null = null;
  let lastRoundMs = 0;

  /** Milliseconds without a frame, or `null` where a probe would make no sense. */
  function silence(held: Held): number | null {
    const seen = readSnapshot(held.connection);
    if (seen.kind !== 'known' || seen.status !== 'CONNECTED') return null;
    return seen.silentForMs ?? Number.POSITIVE_INFINITY;
  }

  function clearVerdict(held: Held): void {
    held.failedProbes = 0;
    if (held.deadSinceMs === null) return;
    held.deadSinceMs = null;
    onVerdict(held);
  }

  function declareDead(held: Held): void {
    if (held.deadSinceMs === null) {
      held.deadSinceMs = clock.monotonicMs();
      onVerdict(held);
    }
    if (!observeOnly) heal(held, logger);
  }

  async function ask(held: Held): Promise<{ answer: ProbeAnswer; askedAtMs: number }> {
    await takeTurn();
    const freePlace = await takePlace();
    const askedAtMs = clock.monotonicMs();
    const stopWaiting = clock.schedule(freePlace, PLACE_HELD_MS);
    try {
      const answer = await withTimeout(clock, probe.timeoutMs + GRACE_MS, () =>
        held.connection.probe({ timeoutMs: probe.timeoutMs }),
      );
      if (ANSWERS.has(answer)) return { answer: answer!, askedAtMs };
      const error = answer === null ? 'It did not settle in time' : 'It answered what there is not';
      logger.warn({ code: 'probe_failed', sessionId: held.id, err: error }, 'A probe failed');
      return { answer: 'unavailable', askedAtMs };
    } catch (error) {
      logger.warn({ code: 'probe_failed', sessionId: held.id, err: error }, 'A probe failed');
      return { answer: 'unavailable', askedAtMs };
    } finally {
      stopWaiting();
      freePlace();
    }
  }

  /** One probe. Dead only if this process ran all the time, the question went out and not one frame came in since. */
  async function probeOnce(held: Held, failuresThatMeanDead: () => number): Promise<Verdict> {
    for (let redo = 0; redo < 2; redo++) {
      const { answer, askedAtMs } = await ask(held);
      const tookMs = clock.monotonicMs() - askedAtMs;
      events.emit('probe:ended', { sessionId: held.id, at: clock.now(), answer, tookMs });
      if (sessions.get(held.id) !== held) return 'unknown';
      const silentMs = silence(held);
      if (silentMs === null) return 'unknown';
      if (answer === 'answered' || silentMs < clock.monotonicMs() - askedAtMs) {
        clearVerdict(held);
        return 'alive';
      }
      if (answer === 'unavailable') return 'unknown';
      if (stalls.stalledSince(askedAtMs)) {
        logger.debug(
          { code: 'probe_redone', sessionId: held.id },
          'This process did not run while a probe was out: asking again',
        );
        continue;
      }
      held.failedProbes += 1;
      logger.warn(
        { code: 'probe_timeout', sessionId: held.id, failures: held.failedProbes, timeoutMs: probe.timeoutMs },
        'A probe was not answered',
      );
      if (held.failedProbes < failuresThatMeanDead()) return 'unknown';
      declareDead(held);
      return 'dead';
    }
    return 'unknown';
  }

  const forced = new WeakSet<Held>();

  /** Takes back a verdict that a new state or a new frame has overtaken. */
  function refresh(held: Held): void {
    const silentMs = silence(held);
    if (silentMs === null) {
      held.failedProbes = 0;
      held.deadSinceMs = null;
    } else if (held.deadSinceMs !== null && silentMs < clock.monotonicMs() - held.deadSinceMs) clearVerdict(held);
  }

  /** One answer for all who ask at the same moment; a forced one among them decides at its first failure. */
  async function checkOnce(held: Held, force: boolean): Promise<Verdict> {
    refresh(held);
    const silentMs = silence(held);
    if (silentMs === null) return 'unknown';
    if (!force && silentMs < probe.silenceMs) {
      held.failedProbes = 0;
      return 'alive';
    }
    if (force) forced.add(held);
    held.probing ??= probeOnce(held, () => (forced.has(held) ? 1 : probe.failures)).finally(() => {
      held.probing = null;
      forced.delete(held);
    });
    return held.probing;
  }

  /**
   * Judges one connection. A failure is followed by the next question at once, so that a link is judged within
   * `failures` probes.
   */
  async function check(held: Held, options: { force: boolean }): Promise<Verdict> {
    for (let attempt = 1; ; attempt++) {
      const before = held.failedProbes;
      const verdict = await checkOnce(held, options.force);
      if (verdict !== 'unknown' || held.failedProbes === before || attempt >= probe.failures) return verdict;
    }
  }

  async function scan(): Promise<void> {
    let seen = 0;
    for (const held of sessions.all()) {
      if (++seen % SLICE === 0) await clock.yield();
      refresh(held);
      const silentMs = held.probing || held.deadSinceMs !== null ? null : silence(held);
      if (silentMs !== null && silentMs >= probe.silenceMs) void check(held, { force: false });
    }
    lastRoundMs = clock.monotonicMs();
  }

  function beat(): void {
    cancel = clock.schedule(() => {
      void scan().finally(() => {
        if (cancel) beat();
      });
    }, scanMs);
  }

  return {
    check,
    refresh,
    start(): void {
      lastRoundMs = clock.monotonicMs();
      beat();
    },
    /**
     * Whether two rounds over the connections are missing, although this process ran: what the rows say may be unproven
     * by now.
     */
    isBehind(): boolean {
      const sinceMs = clock.monotonicMs() - Math.max(lastRoundMs, stalls.endedMs());
      return cancel !== null && sinceMs > (ROUNDS_MISSED + 1) * scanMs;
    },
    stop(): void {
      cancel?.();
      cancel = null;
    },
  };
}

/** Asks the connection to end its dead link. Not awaited: the row must not wait for a socket to close. */
function heal(held: Held, logger: Logger): void {
  void (async () => {
    try {
      await held.connection.heal({ reason: 'silent' });
    } catch (error) {
      logger.error({ code: 'heal_failed', sessionId: held.id, err: error }, 'Ending a dead connection failed');
    }
  })();
}
