import * as z from 'zod/mini';
import type { Logger, UsesLogger } from '../ports/logger.js';
import { containLogger } from './contain-logger.js';
import { consoleLogger } from './loggers.js';

const METHODS = ['debug', 'info', 'warn', 'error'] as const;

const has = (value: unknown, name: string): boolean =>
  value !== null &&
  (typeof value === 'object' || typeof value === 'function') &&
  typeof (value as Record<string, unknown>)[name] === 'function';

/** winston has the same method names and takes the message first: it would write `[object Object]`. */
const isWinston = (value: unknown): boolean =>
  has(value, 'configure') && has(value, 'log') && 'transports' in (value as object);

function describe(value: unknown): string {
  if (isWinston(value))
    return 'takes a logger in the shape of pino; this is a winston logger: give fromWinston(logger)';
  if (has(value, 'log') && has(value, 'warn') && !has(value, 'info'))
    return "takes a logger with debug, info, warn and error; this is one in the shape of Nest's: give nestLogger() of @wa-sync/nest";
  return 'takes a logger with debug, info, warn and error, such as pino() or consoleLogger()';
}

/**
 * The option `logger`: checked, contained, and by default the console from `warn` on, because a fault that is written
 * nowhere costs a day.
 */
export const loggerOption = z.pipe(
  z._default(
    z.custom<Logger>((value) => METHODS.every((name) => has(value, name)) && !isWinston(value), {
      error: ({ input }) => describe(input),
    }),
    () => consoleLogger({ level: 'warn' }),
  ),
  z.transform(containLogger),
);

/**
 * The logger of a part that a host makes before the replica: `logger` may be kept, and writes to what `useLogger` was
 * called with last. Until then warnings and errors go to the console.
 */
export function lateLogger(): { readonly logger: Logger } & Required<UsesLogger> {
  let target = containLogger(consoleLogger({ level: 'warn' }));
  return {
    logger: {
      debug: (fields, message) => target.debug(fields, message),
      info: (fields, message) => target.info(fields, message),
      warn: (fields, message) => target.warn(fields, message),
      error: (fields, message) => target.error(fields, message),
    },
    useLogger({ logger }) {
      target = containLogger(logger);
    },
  };
}
