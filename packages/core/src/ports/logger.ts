/** One log call in pino's shape: fields first, then the line. An error stands in the field `err`. */
export type LogCall = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** The logger port; a pino instance fits as it is, for winston there is `fromWinston`. */
export interface Logger {
  readonly debug: LogCall;
  readonly info: LogCall;
  readonly warn: LogCall;
  readonly error: LogCall;
}

/** A part that a host makes before it makes the replica: a store, a provider, a connection. */
export interface UsesLogger {
  /**
   * Called with the logger of the replica that uses this part, before anything else is. What it writes is contained
   * there: it never throws. Absent where nothing is logged.
   */
  useLogger?(params: { logger: Logger }): void;
}
