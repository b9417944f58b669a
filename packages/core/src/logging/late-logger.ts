import type { Logger, UsesLogger } from '../ports/logger.js';
import { consoleLogger } from './console-logger.js';
import { containLogger } from './contain-logger.js';

/**
 * The logger of a part that a host makes before the replica: `logger` may be kept, and writes to what `useLogger` was called with last. Until then warnings and errors
 * go to the console.
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
