import type { ServerConnection } from '../link/connection.js';
import { type BinaryNode, S_WHATSAPP_NET } from '../wire/binary-node.js';

/**
 * What one device has not confirmed yet. A stanza stays until a receipt or an ack for its id comes; what was sent
 * and not confirmed is sent again at the next login, marked `offline`.
 */
export type Mailbox = {
  /** Number of stanzas not confirmed. */
  readonly size: number;
  /** @param isRepeat The device asked for it again: its refusal of the first one does not take this one away. */
  put(stanza: BinaryNode, isRepeat?: boolean): void;
  confirm(tag: string, ids: readonly string[], options?: { isRefusal: boolean }): void;
  /** The device is ready to receive on this connection: sends the backlog, then what comes live. */
  open(connection: ServerConnection): void;
  shut(connection: ServerConnection): void;
};

export function createMailbox(): Mailbox {
  let pending: { stanza: BinaryNode; isRepeat: boolean }[] = [];
  let open: ServerConnection | undefined;

  return {
    get size() {
      return pending.length;
    },
    put(stanza, isRepeat = false) {
      pending.push({ stanza, isRepeat });
      // A silent link takes nothing: what comes now waits for the next login, as behind a dead phone network.
      if (open?.state === 'online') open.sendNode(stanza);
    },
    confirm(tag, ids, options) {
      pending = pending.filter(
        ({ stanza, isRepeat }) =>
          stanza.tag !== tag || !ids.includes(stanza.attrs.id ?? '') || (isRepeat && options?.isRefusal),
      );
    },
    open(connection) {
      open = connection;
      if (pending.length > 0) connection.sendNode(offlineNode('offline_preview', pending.length));
      for (const [index, { stanza }] of pending.entries()) {
        connection.sendNode({ ...stanza, attrs: { ...stanza.attrs, offline: String(index + 1) } });
      }
      connection.sendNode(offlineNode('offline', pending.length));
    },
    shut(connection) {
      if (open === connection) open = undefined;
    },
  };
}

function offlineNode(tag: 'offline' | 'offline_preview', count: number): BinaryNode {
  return { tag: 'ib', attrs: { from: S_WHATSAPP_NET }, content: [{ tag, attrs: { count: String(count) } }] };
}
