import type { Logger } from './ports/logger.js';

/** Says nothing; core's default. */
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
 *
 * @param options.level - lowest level shown. @defaultValue `'info'`
 */
export function consoleLogger(options: { level?: keyof ConsoleLike; target?: ConsoleLike } = {}): Logger {
  const target = options.target ?? console;
  const levels = ['debug', 'info', 'warn', 'error'] as const;
  const lowest = levels.indexOf(options.level ?? 'info');
  const at = (level: (typeof levels)[number]) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    if (levels.indexOf(level) < lowest) return;
    const error = fields.error;
    target[level](`[wa-sync] ${message}${error instanceof Error ? `: ${error.message}` : ''}`);
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
