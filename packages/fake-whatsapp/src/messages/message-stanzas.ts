import { type Account, deviceJid } from '../devices/device-registry.js';
import { bigEndian } from '../devices/key-bundle.js';
import type { Encrypted } from '../devices/phone.js';
import { type BinaryNode, childOf, childrenOf, S_WHATSAPP_NET } from '../wire/binary-node.js';

export function secondsNow(): string {
  return String(Math.floor(Date.now() / 1000));
}

export type MessageAddress = {
  account: Account;
  device: number;
  addressing?: 'pn' | 'lid';
  /** Push name of the sender. */
  notify?: string;
  /** The chat it belongs to, where one's own device wrote it. */
  recipient?: string;
};

/** The stanza by which the server hands one ciphertext to one device. */
export function messageStanza(id: string, { type, ciphertext }: Encrypted, from: MessageAddress): BinaryNode {
  const { phone, lidUser } = from.account;
  const attrs: Record<string, string> =
    from.addressing === 'lid'
      ? {
          from: deviceJid(lidUser, from.device, 'lid'),
          sender_pn: deviceJid(phone, 0, 's.whatsapp.net'),
          addressing_mode: 'lid',
        }
      : { from: deviceJid(phone, from.device, 's.whatsapp.net'), sender_lid: deviceJid(lidUser, 0, 'lid') };
  Object.assign(attrs, { type: 'text', id, t: secondsNow() });
  if (from.notify) attrs.notify = from.notify;
  if (from.recipient) attrs.recipient = from.recipient;
  return { tag: 'message', attrs, content: [{ tag: 'enc', attrs: { v: '2', type }, content: ciphertext }] };
}

/** A receipt for a message that a device sent; without a type it says "delivered". */
export function receiptStanza(from: string, id: string, type?: 'read'): BinaryNode {
  const attrs: Record<string, string> = { from, id, t: secondsNow() };
  if (type) attrs.type = type;
  return { tag: 'receipt', attrs };
}

/** Asks a device to encrypt a message anew, because it could not be read. */
export function retryStanza(from: string, message: BinaryNode, count: number, registrationId: number): BinaryNode {
  const { id = '', t = secondsNow() } = message.attrs;
  return {
    tag: 'receipt',
    attrs: { from, id, type: 'retry', t: secondsNow() },
    content: [
      { tag: 'retry', attrs: { count: String(count), id, t, v: '1' } },
      { tag: 'registration', attrs: {}, content: bigEndian(registrationId, 4) },
    ],
  };
}

/** The server's ack of a stanza, or its refusal where there is an error code. */
export function ackStanza(node: BinaryNode, error?: number): BinaryNode {
  const attrs: Record<string, string> = {
    class: node.tag,
    id: node.attrs.id ?? '',
    from: node.attrs.to ?? S_WHATSAPP_NET,
    t: secondsNow(),
  };
  if (error !== undefined) attrs.error = String(error);
  if (node.tag === 'receipt' && node.attrs.type) attrs.type = node.attrs.type;
  return { tag: 'ack', attrs };
}

/** The ciphertexts of a device's message, each with the device it is meant for. */
export function readCiphertexts(message: BinaryNode): { jid: string; encrypted: Encrypted }[] {
  const direct = childOf(message, 'enc');
  const parts = direct
    ? [{ jid: message.attrs.to ?? '', enc: direct }]
    : childrenOf(childOf(message, 'participants'), 'to').map((part) => ({
        jid: part.attrs.jid ?? '',
        enc: childOf(part, 'enc'),
      }));
  return parts.flatMap(({ jid, enc }) =>
    enc?.content instanceof Uint8Array
      ? [{ jid, encrypted: { type: enc.attrs.type === 'pkmsg' ? 'pkmsg' : 'msg', ciphertext: enc.content } }]
      : [],
  );
}

/** The message ids that a receipt speaks of. */
export function readReceiptIds(receipt: BinaryNode): string[] {
  const more = childrenOf(childOf(receipt, 'list'), 'item').map(({ attrs }) => attrs.id ?? '');
  return [receipt.attrs.id ?? '', ...more];
}
