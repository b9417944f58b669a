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
