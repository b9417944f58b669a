import { logText } from '../domain/safe-text.js';

const MOST_CAUSES = 5;
const MOST_FRAMES = 30;

/** An error as it may be logged. */
export interface LoggableError extends Error {
  readonly code?: string | number;
  readonly cause?: unknown;
}

/**
 * Copies what was thrown into an `Error` that holds nothing but type, message, stack, `code` and causes, masked and in
 * one line. The original is never logged: loggers write every property of an error, and those of clients carry
 * commands with credentials, parameters and whole stanzas.
 */
export function loggableError(thrown: unknown, causes = 0): LoggableError {
  try {
    return thrown instanceof Error || hasMessage(thrown)
      ? copyOf(thrown as Error, causes)
      : new Error(logText(wordsOf(thrown)));
  } catch {
    return new Error('An error that cannot be read was thrown');
  }
}

/** `message (code): message of the cause (code)`. */
export function errorLine(error: LoggableError): string {
  const code = error.code === undefined ? '' : ` (${error.code})`;
  const cause = error.cause instanceof Error ? `: ${errorLine(error.cause)}` : '';
  return `${error.message}${code}${cause}`;
}

/** Type, message and frames of an error and of its causes, a line each. */
export function stackText(error: LoggableError): string {
  return [`${error.name}: ${error.message}`, ...framesOf(error)].join('\n');
}

/** The lines of the stack below the message, those of the causes too. */
export function framesOf(error: LoggableError): string[] {
  const own = (error.stack ?? '').split('\n').filter(isFrame);
  if (!(error.cause instanceof Error)) return own;
  return [...own, `caused by ${error.cause.name}: ${error.cause.message}`, ...framesOf(error.cause)];
}

function copyOf(source: Error, causes: number): LoggableError {
  const copy = new Error(logText(messageOf(source)));
  const name = typeof source.name === 'string' && source.name !== '' ? logText(source.name) : 'Error';
  const frames = String(source.stack ?? '')
    .split('\n')
    .filter(isFrame)
    .slice(0, MOST_FRAMES)
    .map((frame) => `    ${logText(frame.trim())}`);
  hide(copy, 'name', name);
  hide(copy, 'stack', [`${name}: ${copy.message}`, ...frames].join('\n'));
  // Loggers name the type after it.
  hide(copy, 'constructor', source.constructor);
  const { code, cause } = source as { code?: unknown; cause?: unknown };
  if (typeof code === 'string') Object.assign(copy, { code: logText(code) });
  if (typeof code === 'number') Object.assign(copy, { code });
  if (cause !== undefined && cause !== null && causes < MOST_CAUSES)
    hide(copy, 'cause', loggableError(cause, causes + 1));
  return copy;
}

/** A connection that fails at every address of a name gives an `AggregateError` without a message. */
function messageOf(source: Error): string {
  const message = typeof source.message === 'string' ? source.message : '';
  // A parser of JSON quotes the text that it was given, which may be a credential.
  if (source.name === 'SyntaxError' && /JSON/.test(message)) return 'The text is not valid JSON';
  const { errors } = source as { errors?: unknown };
  if (message !== '' || !Array.isArray(errors)) return message;
  return [...new Set(errors.slice(0, 5).map((error: unknown) => loggableError(error).message))].join(', ');
}

function wordsOf(thrown: unknown): string {
  if (typeof thrown === 'object' && thrown !== null)
    return `An object that is no Error was thrown, with the keys ${Object.keys(thrown).slice(0, 10).join(', ') || '(none)'}`;
  return typeof thrown === 'function' ? 'A function was thrown' : String(thrown);
}

function hasMessage(thrown: unknown): boolean {
  return typeof (thrown as { message?: unknown } | null | undefined)?.message === 'string';
}

function isFrame(line: string): boolean {
  return /^\s*at /.test(line);
}

function hide(copy: Error, name: string, value: unknown): void {
  Object.defineProperty(copy, name, { value, enumerable: false, configurable: true, writable: true });
}
