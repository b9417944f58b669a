/** For sockets whose host gave no logger: Baileys' own prints to stdout, credentials included at its lower levels. */
export const quietBaileysLogger = {
  level: 'silent',
  child: () => quietBaileysLogger,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
};

/** An error as a log may show it: errors from inside Baileys can carry whole stanzas. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
