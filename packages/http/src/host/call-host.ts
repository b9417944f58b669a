/** Functions of the host, contained: one may throw anything, return anything, or never settle. */
import { type Clock, isWaSyncError, maskNumbers, type WaSync, type WaSyncError } from '@wa-sync/core';
import { awaitHostCall, tooLate, untilAborted } from '@wa-sync/core/adapter';
import { HttpProblem } from '../reply/problems.js';
import type { Ask } from '../request/ask.js';

/** Longest that a request waits for a function of the host. */
const HOST_WITHIN_MS = 10_000;

export type CallHost = <T>(name: string, ask: Ask, call: () => T | Promise<T>) => Promise<T>;

/**
 * Calls a function of the host. What it throws is logged and becomes `internal_error`; where it does not settle in
 * time, or the client has left, the request is released with `host_timeout`, and what it returns later is ignored.
 */
export function createCallHost({ clock, log }: { clock: Clock; log: SparseLog }): CallHost {
  return async <T>(name: string, ask: Ask, call: () => T | Promise<T>) => {
    const until = untilAborted(ask.signal());
    const outcome = await awaitHostCall({ clock, withinMs: HOST_WITHIN_MS, call, until });
    if (outcome.kind === 'ended') throw new HttpProblem('host_timeout', undefined, { logged: true });
    if (outcome.kind === 'late') {
      log('error', `${tooLate(name, HOST_WITHIN_MS).message}: the request got 503`, () => ({
        code: 'host_late',
        function: name,
      }));
      throw new HttpProblem('host_timeout', undefined, { logged: true });
    }
    if (outcome.kind === 'returned') return outcome.result;
    const thrown = readThrown(outcome.error);
    // Such as a store that is down, asked by the host's own function: the code says what the caller may do.
    if (isWaSyncError(thrown)) throw thrown;
    log('error', `${name} failed, so the request got 500: ${maskNumbers(thrown.message)}`, () => ({
      code: 'host_failed',
      function: name,
      err: thrown,
    }));
    throw new HttpProblem('internal_error', undefined, { logged: true });
  };
}

/** What was thrown, as an error that can be read: a proxy or a getter may throw once more. */
function readThrown(thrown: unknown): Error | WaSyncError {
  try {
    if (isWaSyncError(thrown)) return thrown;
    if (thrown instanceof Error && typeof thrown.message === 'string') return thrown;
    return new Error(`it threw ${typeof thrown === 'string' ? thrown : `a value of type ${typeof thrown}`}`);
  } catch {
    return new Error('it threw a value that cannot be read');
  }
}

/** The same line is written again after this. */
const EVERY_MS = 60_000;
/** Different lines remembered at once. */
const REMEMBERED = 100;

/** Writes a line that anybody may cause by asking: once a minute, and then with the number of those left out. */
export type SparseLog = (
  level: 'warn' | 'error',
  line: string,
  fields: () => Readonly<Record<string, unknown>>,
) => void;

export function createSparseLog({ wa, clock }: { wa: Pick<WaSync, 'logger'>; clock: Clock }): SparseLog {
  const written = new Map<string, { readonly atMs: number; leftOut: number }>();

  return (level, line, fields) => {
    const nowMs = clock.monotonicMs();
    const last = written.get(line);
    if (last && nowMs - last.atMs < EVERY_MS) {
      last.leftOut += 1;
      return;
    }
    written.delete(line);
    written.set(line, { atMs: nowMs, leftOut: 0 });
    if (written.size > REMEMBERED) written.delete(written.keys().next().value!);
    const leftOut = last?.leftOut ?? 0;
    wa.logger[level]({ ...fields(), leftOut }, leftOut === 0 ? line : `${line} (and ${leftOut} times more before)`);
  };
}
