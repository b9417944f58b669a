import { logText } from '../domain/safe-text.js';
import type { Logger } from '../ports/logger.js';
import { errorLine, framesOf, loggableError } from './loggable-error.js';

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
 * A logger in lines that a person reads: `[wa-sync] Syncing session abc123: marking as CONNECTED (was DISCONNECTED)`. An error adds its message and code, and its
 * stack in lines below. No line holds a control character, whatever a server or an error says.
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
