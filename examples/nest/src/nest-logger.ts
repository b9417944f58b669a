import { Logger as NestLogger } from '@nestjs/common';
import type { Logger } from '@wa-sync/core';

/** Nest's logger as wa-sync's: `LOG [wa-sync] Syncing session abc123: marking as CONNECTED (was DISCONNECTED)`. Follows `app.useLogger()`. */
export function nestLogger(): Logger {
  const target = new NestLogger('wa-sync');
  const at =
    (level: 'debug' | 'log' | 'warn' | 'error') => (fields: Readonly<Record<string, unknown>>, line: string) => {
      const { error } = fields;
      target[level](error instanceof Error ? `${line}: ${error.message}` : line);
    };
  return { debug: at('debug'), info: at('log'), warn: at('warn'), error: at('error') };
}
