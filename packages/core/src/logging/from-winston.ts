import { WaSyncError } from '../domain/errors.js';
import type { Logger } from '../ports/logger.js';
import { errorLine, loggableError, stackText } from './loggable-error.js';

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
 * A winston logger as wa-sync's. winston takes the message first, and writes an `Error` among the fields as `{}`: here `err` is an object with `type`, `message`,
 * `code` and `stack`, in every format.
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
