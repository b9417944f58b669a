import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLOSE_REASONS, classifyClose } from '../src/close/classify-close.js';
import type { CloseFacts } from '../src/close/close-reasons.js';
import { afterOpen, type BackoffSettings, NO_HISTORY, nextStep, type RetryHistory } from '../src/session/next-step.js';

const settings: BackoffSettings = { baseMs: 1_000, maxMs: 60_000 };

function step(facts: CloseFacts, history: RetryHistory = NO_HISTORY, nowMs = 0, random = 0.5) {
  return nextStep({ close: classifyClose(facts), facts, history, settings, nowMs, random });
}

/** The same close again and again, each a little later. */
function repeat(facts: CloseFacts, times: number, everyMs: number, between = (history: RetryHistory) => history) {
  const steps = [];
  let history = NO_HISTORY;
  for (let i = 0; i < times; i++) {
    const next = step(facts, history, i * everyMs);
    steps.push(next);
    history = between(next.history);
  }
  return steps;
}

describe('nextStep', () => {
  it('backs off longer and longer, and an open alone does not reset it', () => {
    const delays = repeat({ code: 428 }, 10, 1_000, afterOpen).map(({ delayMs }) => delayMs ?? -1);
    expect(delays[0]).toBeLessThanOrEqual(1_000);
    expect([...delays].sort((a, b) => a - b)).toEqual(delays);
    expect(delays.at(-1)).toBeGreaterThan(30_000);
  });

  it('counts attempts since the last open', () => {
    expect(repeat({ code: 428 }, 3, 1_000).map(({ history }) => history.attempts)).toEqual([1, 2, 3]);
    expect(repeat({ code: 428 }, 3, 1_000, afterOpen).map(({ history }) => history.attempts)).toEqual([1, 1, 1]);
  });

  it('reopens at once after 515, but not in a loop', () => {
    const delays = repeat({ code: 515 }, 5, 100, afterOpen).map(({ delayMs }) => delayMs);
    expect(delays.slice(0, 3)).toEqual([0, 0, 0]);
    expect(delays[3]).toBeGreaterThan(0);
  });

  it('F10: pauses after a 440, and calls the fifth in 30 s REPLACED', () => {
    const steps = repeat({ code: 440 }, 6, 5_000, afterOpen);
    expect(steps.map(({ status }) => status)).toEqual([
      'RECONNECTING',
      'RECONNECTING',
      'RECONNECTING',
      'RECONNECTING',
      'REPLACED',
      'REPLACED',
    ]);
    for (const { delayMs } of steps) expect(delayMs).toBeGreaterThanOrEqual(2_000);
    expect(steps[4]?.delayMs).toBeGreaterThanOrEqual(30_000);
    expect(steps[5]?.delayMs).toBeGreaterThanOrEqual(60_000);
  });

  it('does not call five 440s in an hour REPLACED', () => {
    const steps = repeat({ code: 440 }, 5, 900_000, afterOpen);
    expect(steps.every(({ status }) => status === 'RECONNECTING')).toBe(true);
  });

  it('F16: believes a refused client version at the third attempt', () => {
    const steps = repeat({ code: 405, message: 'Connection Failure' }, 4, 1_000);
    expect(steps.map(({ status }) => status)).toEqual(['RECONNECTING', 'RECONNECTING', 'ERROR', 'ERROR']);
    expect(steps[2]?.delayMs).toBeGreaterThanOrEqual(900_000);
    expect(steps[2]?.quarantine).toBe(false);
  });

  it('confirms an unexplained 401 once', () => {
    const [first, second] = repeat({ code: 401, message: 'Stream Errored (unknown)' }, 2, 1_000);
    expect(first).toMatchObject({ status: 'RECONNECTING', quarantine: false });
    expect(second).toMatchObject({ status: 'LOGGED_OUT', quarantine: true, delayMs: null });
  });

  it('waits for the end of a ban', () => {
    const banned = { code: 402, message: 'Connection Failure', data: { expire: '120' } };
    expect(step(banned)).toMatchObject({ status: 'ERROR', reason: { code: 'temporary_ban' } });
    expect(step(banned).delayMs).toBeGreaterThanOrEqual(120_000);
    expect(step({ ...banned, data: { expire: 'soon' } }).delayMs).toBeGreaterThanOrEqual(3_600_000);
    expect(step({ ...banned, data: { expire: '1e99' } }).delayMs).toBeLessThan(2 ** 31);
  });

  it('is total, and its pause always fits a timer', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CLOSE_REASONS),
        fc.record({
          backoffs: fc.nat(),
          attempts: fc.nat(),
          inARow: fc.record({ code: fc.constantFrom(...CLOSE_REASONS.map(({ code }) => code)), times: fc.nat() }),
          atOnce: fc.nat(),
          replacedAtMs: fc.array(fc.nat()),
          longPauses: fc.nat(),
        }),
        fc.nat(),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.anything(),
        (close, history, nowMs, random, data) => {
          const next = nextStep({ close, facts: { data }, history, settings, nowMs, random });
          if (next.delayMs !== null) {
            expect(next.delayMs).toBeGreaterThanOrEqual(0);
            expect(next.delayMs).toBeLessThan(2 ** 31);
          }
          expect(next.quarantine && next.delayMs !== null).toBe(false);
          if (close.action !== 'reopen_now' && next.delayMs !== null) expect(next.delayMs).toBeGreaterThan(0);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
