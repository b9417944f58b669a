import { Logger as NestLogger } from '@nestjs/common';
import { errorLine, type Logger, loggableError, stackText } from '@wa-sync/core';

/**
 * Nest's logger as wa-sync's: `LOG [wa-sync] Syncing session abc123: marking as CONNECTED (was DISCONNECTED)`. Follows
 * `app.useLogger()`. An error adds its message and code, and its stack below.
 */
export function nestLogger(): Logger {
  const target = new NestLogger('wa-sync');
  const at =
    (level: 'debug' | 'log' | 'warn' | 'error') => (fields: Readonly<Record<string, unknown>>, line: string) => {
      if (fields.err === undefined) return target[level](line);
      const error = loggableError(fields.err);
      const text = `${line}: ${errorLine(error)}`;
      const stack = stackText(error);
      // Only `error` takes a stack; what follows the message elsewhere is printed as a message of its own.
      if (level === 'error') target.error(text, stack);
      else target[level](`${text}\n${stack}`);
    };
  return { debug: at('debug'), info: at('log'), warn: at('warn'), error: at('error') };
}
