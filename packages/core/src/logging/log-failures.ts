import type { Clock } from '../ports/clock.js';
import type { Logger } from '../ports/logger.js';
import { errorLine, loggableError } from './loggable-error.js';

const WRITTEN_AT = new Set([1, 3]);
const WRITTEN_EVERY = 60;
/** A cause that did not show for so long is written as a new one. */
const FORGOTTEN_AFTER_MS = 3_600_000;
const MOST_CAUSES = 200;

/** Logs what fails in the host's own functions. */
export interface FailureLog {
  /**
   * Writes `text` as an error the 1st and the 3rd time that this cause comes, then at every 60th, with the count in
   * `times`.
   */
  failed(fields: Readonly<Record<string, unknown>> & { readonly code: string }, text: string, error: unknown): void;
  /** It works again: the next failure is written. */
  works(): void;
}

/**
 * Counts failures by their cause. A function of the host that fails may be called for each message or each
 * conversation: one line for each would bury every other line of the log, and no line at all would hide the fault.
 */
export function createFailureLog(deps: { logger: Logger; clock: Pick<Clock, 'monotonicMs'> }): FailureLog {
  const causes = new Map<string, { times: number; atMs: number }>();

  return {
    failed(fields, text, error) {
      const nowMs = deps.clock.monotonicMs();
      const cause = `${fields.code} ${fields.function ?? ''} ${withoutNames(errorLine(loggableError(error)))}`;
      const before = causes.get(cause);
      const isNew = before === undefined || nowMs - before.atMs > FORGOTTEN_AFTER_MS;
      const times = isNew ? 1 : before.times + 1;
      // Set again, so that the cause seen longest ago is the first of the map.
      causes.delete(cause);
      causes.set(cause, { times, atMs: nowMs });
      const [oldest] = causes.keys();
      if (causes.size > MOST_CAUSES && oldest !== undefined) causes.delete(oldest);
      if (!WRITTEN_AT.has(times) && times % WRITTEN_EVERY !== 0) return;
      deps.logger.error({ ...fields, times, err: error }, times === 1 ? text : `${text}, ${times} times by now`);
    },
    works: () => causes.clear(),
  };
}

/** A text as the name of its cause: it names another row or another time each time it comes. */
export function withoutNames(text: string): string {
  return text.replace(/[^\s"'`(),:;=]*\d[^\s"'`(),:;=]*/g, '#');
}
