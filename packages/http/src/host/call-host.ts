/** Functions of the host, contained: one may throw anything, return anything, or never settle. */
import { type Clock, isWaSyncError, maskNumbers, type WaSync, type WaSyncError } from '@wa-sync/core';
import { awaitHostCall, tooLate, untilAborted, withoutNames } from '@wa-sync/core/adapter';
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

/** Lines of one cause are summed up after so long. */
const EVERY_MS = 60_000;
/** Causes told apart at once. What comes beyond is one cause, or varying texts would be lines without end. */
const TOLD_APART = 100;

/** Writes a line that anybody may cause by asking: the first of its cause in full, the others as a count a minute. */
export type SparseLog = (
  level: 'warn' | 'error',
  line: string,
  fields: () => Readonly<Record<string, unknown>> & { readonly code: string },
) => void;

export function createSparseLog({ wa, clock }: { wa: Pick<WaSync, 'logger'>; clock: Clock }): SparseLog {
  const causes = new Map<string, { more: number }>();

  return (level, line, fields) => {
    const own = withoutNames(line);
    const key = causes.size < TOLD_APART || causes.has(own) ? own : 'others';
    const known = causes.get(key);
    if (known) {
      known.more += 1;
      return;
    }
    const cause = { more: 0 };
    causes.set(key, cause);
    const shown = fields();
    wa.logger[level](shown, line);
    clock.schedule(sumUp, EVERY_MS);

    function sumUp(): void {
      const { more } = cause;
      if (more === 0) {
        causes.delete(key);
        return;
      }
      cause.more = 0;
      const text = `${line} (and ${more.toLocaleString('en-US')} more like it in ${EVERY_MS / 1_000} s)`;
      wa.logger[level]({ code: shown.code, more }, text);
      clock.schedule(sumUp, EVERY_MS);
    }
  };
}
