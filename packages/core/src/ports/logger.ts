/** One log call in pino's shape: fields first, then the line. */
export type LogCall = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** The logger port; a pino instance fits as it is. */
export interface Logger {
  readonly debug: LogCall;
  readonly info: LogCall;
  readonly warn: LogCall;
  readonly error: LogCall;
}
