/**
 * The functions of the host, contained. One may throw anything, reject, return anything, or return a promise that
 * never settles: the caller goes on with what it does where nothing is known, and the log names the function.
 */
import { containCall } from '../../logging/contain-call.js';
import { createFailureLog } from '../../logging/log-failures.js';
import type { Clock } from '../../ports/clock.js';
import type { Logger } from '../../ports/logger.js';
import { withTimeout } from './limit-calls.js';

/** How a call of a function of the host came out; `ended`: nobody waits any more. */
export type HostOutcome<Result> =
  | { readonly kind: 'returned'; readonly result: Result }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'late' }
  | { readonly kind: 'ended' };

/** Calls a function of the host and waits for it, at most `withinMs`. Never rejects. */
export function awaitHostCall<Result>(params: {
  clock: Clock;
  withinMs: number;
  call: () => Result | PromiseLike<Result>;
  /** Ends the waiting earlier, as in {@link withTimeout}. */
  until?: ((end: () => void) => () => void) | undefined;
}): Promise<HostOutcome<Result>> {
  const { clock, withinMs, call, until } = params;
  const called = async (): Promise<HostOutcome<Result>> => {
    try {
      return { kind: 'returned', result: await call() };
    } catch (error) {
      return { kind: 'failed', error };
    }
  };
  return withTimeout(clock, withinMs, called, {
    late: (why): HostOutcome<Result> => ({ kind: why === 'timeout' ? 'late' : 'ended' }),
    ...(until && { until }),
  });
}

/** A function of the host, as its failures are logged. */
export interface HostFunction {
  /** As the host knows it, such as `inactivity.policy`. */
  readonly name: string;
  readonly code: string;
  /** What failed, and what is done in its place. */
  readonly text: string;
  /** Such as the session that it was called for. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

export type HostCalls = ReturnType<typeof createHostCalls>;

/** Calls functions of the host; what fails is logged once for each cause and then ever more rarely. */
export function createHostCalls(deps: { clock: Clock; logger: Logger }) {
  const failures = createFailureLog(deps);

  function failed({ name, code, text, fields }: HostFunction, error: unknown): void {
    failures.failed({ ...fields, code, function: name }, text, error);
  }

  return {
    /** Logs what came of a call that was made elsewhere. */
    failed,
    /** Calls and waits at most `withinMs`; `null` where it failed or is late. */
    async ask<Result>(
      asked: HostFunction,
      withinMs: number,
      call: () => Result | PromiseLike<Result>,
    ): Promise<{ readonly result: Result } | null> {
      const outcome = await awaitHostCall({ clock: deps.clock, withinMs, call });
      if (outcome.kind === 'returned') return outcome;
      failed(asked, outcome.kind === 'failed' ? outcome.error : tooLate(asked.name, withinMs));
      return null;
    },
    /** Calls and does not wait. Returns what it returned, `undefined` where it threw. */
    notify: <Result>(asked: HostFunction, call: () => Result): Result | undefined =>
      containCall(call, (error) => failed(asked, error)),
  };
}

/** What stands in the place of an error where a function did not settle. */
export function tooLate(name: string, withinMs: number): Error {
  return new Error(`${name} did not settle within ${withinMs / 1_000} s`);
}
