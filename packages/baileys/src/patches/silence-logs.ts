const PRIVATE_LINES = [
  'Closing session:',
  'Opening session:',
  'Removing old closed session:',
  'Session already closed',
];
const SILENCED = Symbol.for('@wa-sync/libsignal-silenced');

/** The part of `console` that libsignal writes to. */
export interface ConsoleLike {
  info(...args: unknown[]): void;
  warn(...args: unknown[]): void;
}

/**
 * Drops the four lines in which libsignal prints whole sessions, private keys included, to the console. Every other
 * line passes. `baileysProvider` does this itself; hosts that open their own sockets call it once at start.
 *
 * @example
 * silenceLibsignal();
 */
export function silenceLibsignal(target: ConsoleLike = console): void {
  const marked = target as ConsoleLike & { [SILENCED]?: true };
  if (marked[SILENCED]) return;
  Object.defineProperty(marked, SILENCED, { value: true });
  for (const level of ['info', 'warn'] as const) {
    const write = target[level];
    target[level] = (...args) => {
      if (!PRIVATE_LINES.includes(String(args[0]))) write.apply(target, args);
    };
  }
}

/** For sockets whose host gave no logger: Baileys' own prints to stdout, credentials included at its lower levels. */
export const silentBaileysLogger = {
  level: 'silent',
  child: () => silentBaileysLogger,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
};
