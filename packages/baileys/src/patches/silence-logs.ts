import { containCall } from '@wa-sync/core/adapter';

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

/**
 * The host's logger as Baileys calls it, from inside its handlers and promises: what it threw there would end the
 * process or keep a stanza from being handled. Its line is lost.
 */
export function containBaileysLogger<Given>(logger: Given): Given {
  if (typeof logger !== 'object' || logger === null) return logger;
  // Not over the logger itself: of a frozen one a proxy may only return what it has.
  return new Proxy(Object.create(logger) as Given & object, {
    get(_target, name) {
      const value: unknown = Reflect.get(logger, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const result: unknown = containCall(
          () => value.apply(logger, args),
          () => {},
        );
        if (name !== 'child') return result;
        return result === undefined ? silentBaileysLogger : containBaileysLogger(result);
      };
    },
    set: (_target, name, value) => Reflect.set(logger, name, value),
  });
}
