/** A stanza, or a part of one: what travels between server and client. */
export type BinaryNode = {
  tag: string;
  attrs: Record<string, string>;
  content?: BinaryNode[] | string | Uint8Array;
};

/** The server itself, as sender and addressee. */
export const S_WHATSAPP_NET = '@s.whatsapp.net';

export function childrenOf(node: BinaryNode | undefined, tag: string): BinaryNode[] {
  return Array.isArray(node?.content) ? node.content.filter((child) => child.tag === tag) : [];
}

export function childOf(node: BinaryNode | undefined, tag: string): BinaryNode | undefined {
  return childrenOf(node, tag)[0];
}

/** The bytes within a child; undefined where there is no such child or it holds something else. */
export function childBytes(node: BinaryNode | undefined, tag: string): Buffer | undefined {
  const content = childOf(node, tag)?.content;
  return content instanceof Uint8Array ? Buffer.from(content) : undefined;
}

/** The unsigned big-endian number in the first bytes of a child. */
export function childNumber(node: BinaryNode | undefined, tag: string, bytes: number): number | undefined {
  const content = childBytes(node, tag);
  return content && content.length >= bytes ? content.readUIntBE(0, bytes) : undefined;
}

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
