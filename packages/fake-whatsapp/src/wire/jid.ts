/** The parts of an address. A phone's own device has no number. */
export type Jid = { user: string; device?: number; server: string };

/** Reads `<user>[_<agent>][:<device>]@<server>`; undefined where there is no `@`. */
export function readJid(jid: string): Jid | undefined {
  const at = jid.indexOf('@');
  if (at < 0) return undefined;
  const [account = '', device] = jid.slice(0, at).split(':');
  return {
    user: account.split('_')[0] ?? '',
    device: device ? Number(device) : undefined,
    server: jid.slice(at + 1),
  };
}
