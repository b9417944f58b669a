import { logText } from '../domain/safe-text.js';
import type { LogCall, Logger } from '../ports/logger.js';
import { containCall } from './contain-call.js';
import { errorLine, loggableError } from './loggable-error.js';
import { silentLogger } from './loggers.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
const DEEPEST = 4;
const MOST_ITEMS = 100;

const contained = new WeakSet<Logger>([silentLogger]);

/**
 * The host's logger as every part of wa-sync calls it. What it throws or rejects ends nothing: the line is lost, and
 * the console says so once. Texts come out masked and without control characters, and what stands in `err` is always
 * an `Error` of which nothing else is shown than type, message, stack, code and causes.
 */
export function containLogger(logger: Logger): Logger {
  if (contained.has(logger)) return logger;
  let reported = false;

  function failed(error: unknown): void {
    if (reported) return;
    reported = true;
    try {
      console.error(`[wa-sync] The logger failed, its line is lost: ${errorLine(loggableError(error))}`);
    } catch {
      // Nobody is left to report it to.
    }
  }

  const at =
    (level: (typeof LEVELS)[number]): LogCall =>
    (fields, message) =>
      void containCall<unknown>(() => logger[level](fieldsOf(fields), logText(message)), failed);
  const safe: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  contained.add(safe);
  return safe;
}

function fieldsOf(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, key === 'err' ? loggableError(value) : shown(value, 0)]),
  );
}

function shown(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return logText(value);
  if (typeof value === 'bigint') return logText(String(value));
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  if (value instanceof Error) return loggableError(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (depth === DEEPEST || typeof value !== 'object') return undefined;
  if (Array.isArray(value)) return value.slice(0, MOST_ITEMS).map((item) => shown(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value as object)
      .slice(0, MOST_ITEMS)
      .map(([key, item]) => [logText(key), shown(item, depth + 1)]),
  );
}
