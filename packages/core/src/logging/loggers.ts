import { WaSyncError } from '../domain/errors.js';
import { logText } from '../domain/safe-text.js';
import type { Logger } from '../ports/logger.js';
import { errorLine, framesOf, loggableError, stackText } from './loggable-error.js';

/** Writes nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** The part of `console` that is written to. */
export interface ConsoleLike {
  debug(line: string): void;
  info(line: string): void;
  warn(line: string): void;
  error(line: string): void;
}

/**
 * A logger in lines that a person reads: `[wa-sync] Syncing session abc123: marking as CONNECTED (was DISCONNECTED)`.
 * An error adds its message and code, and its stack in lines below. No line holds a control character, whatever a
 * server or an error says.
 *
 * @param options.level - lowest level shown. @defaultValue `'info'`
 * @param options.target - where lines go. @defaultValue `console`
 * @example
 * const wa = createWaSync({ store, logger: consoleLogger({ level: 'debug' }) });
 */
export function consoleLogger(options: { level?: keyof ConsoleLike; target?: ConsoleLike } = {}): Logger {
  const levels = ['debug', 'info', 'warn', 'error'] as const;
  const lowest = levels.indexOf(options.level ?? 'info');
  const at = (level: (typeof levels)[number]) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    if (levels.indexOf(level) < lowest) return;
    const target = options.target ?? console;
    const line = `[wa-sync] ${logText(message)}`;
    if (fields.err === undefined) return target[level](line);
    const error = loggableError(fields.err);
    target[level](`${line}: ${errorLine(error)}`);
    for (const frame of framesOf(error)) target[level](frame.startsWith(' ') ? frame : `  ${frame}`);
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

type WinstonCall = (message: string, meta: Record<string, unknown>) => unknown;

/** The part of a winston logger that is called. With the levels of syslog `warning` stands for `warn`. */
export interface WinstonLike {
  debug: WinstonCall;
  info: WinstonCall;
  error: WinstonCall;
  warn?: WinstonCall | undefined;
  warning?: WinstonCall | undefined;
}

/**
 * A winston logger as wa-sync's. winston takes the message first, and writes an `Error` among the fields as `{}`: here
 * `err` is an object with `type`, `message`, `code` and `stack`, in every format.
 *
 * @throws WaSyncError `config_invalid` where it lacks a level
 * @example
 * const wa = createWaSync({ store, logger: fromWinston(winston.createLogger({ transports })) });
 */
export function fromWinston(logger: WinstonLike): Logger {
  const warn = typeof logger?.warn === 'function' ? 'warn' : 'warning';
  for (const method of ['debug', 'info', warn, 'error'] as const)
    if (typeof logger?.[method] !== 'function')
      throw new WaSyncError('config_invalid', `fromWinston takes a winston logger; this one has no ${method}()`);
  const at =
    (method: 'debug' | 'info' | 'warn' | 'warning' | 'error') =>
    (fields: Readonly<Record<string, unknown>>, message: string) =>
      logger[method]?.(message, fields.err === undefined ? { ...fields } : { ...fields, err: plainError(fields.err) });
  return { debug: at('debug'), info: at('info'), warn: at(warn), error: at('error') };
}

function plainError(err: unknown): Record<string, unknown> {
  const error = loggableError(err);
  return {
    type: error.name,
    message: errorLine(error),
    ...(error.code === undefined ? {} : { code: error.code }),
    stack: stackText(error),
  };
}
