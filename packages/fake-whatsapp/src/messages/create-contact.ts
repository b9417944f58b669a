import { randomBytes } from 'node:crypto';
import type { MessageContent } from '../baileys/baileys-members.js';
import type { Baileys } from '../baileys/load-baileys.js';
import { type Account, type Device, type DeviceRegistry, deviceJid, phoneOf } from '../devices/device-registry.js';
import type { KeyBundle } from '../devices/key-bundle.js';
import { createPhone, type Encrypted } from '../devices/phone.js';
import type { Mailbox } from '../session/mailbox.js';
import type { Waiter } from '../session/waiter.js';
import type { Contact, Receipt, ReceivedMessage, SendOptions } from './contact.js';
import { messageStanza, receiptStanza } from './message-stanzas.js';

/** What a simulated phone needs of the server around it. */
export type Neighbourhood = {
  baileys: Baileys;
  registry: DeviceRegistry;
  waiter: Waiter;
  mailboxOf(device: Device): Mailbox;
  takeDeviceBundle(device: Device): KeyBundle | undefined;
  /** The simulated phone of an account, where there is one already. */
  findResident(phone: string): Resident | undefined;
  /** Runs one task after the other: a ratchet must not be turned by two messages at once. */
  enqueue<T>(task: () => Promise<T>): Promise<T>;
};

/** A contact as the server holds it. */
export type Resident = {
  contact: Contact;
  rename(name: string): void;
  takeBundle(): KeyBundle;
  readonly registrationId: number;
  decrypt(from: Device, encrypted: Encrypted): Promise<MessageContent>;
  deliver(message: Pick<ReceivedMessage, 'id' | 'from' | 'chat' | 'message'>): void;
  noteReceipt(receipt: Receipt): void;
  /** Sends a message of the phone to one of its own linked devices that is no chat message. */
  sendToOwnDevice(device: Device, message: object): Promise<void>;
  /** Encrypts a message anew for a device that could not read it. */
  sendAgain(device: Device, id: string): Promise<void>;
  close(): void;
};

export function createResident(account: Account, around: Neighbourhood): Resident {
  const phone = createPhone(account, around.baileys);
  const jid = deviceJid(account.phone, 0, 's.whatsapp.net');
  const received: ReceivedMessage[] = [];
  const receipts: Receipt[] = [];
  const sent = new Map<string, { message: object; options: SendOptions }>();

  async function encryptFor(device: Device, id: string, message: object, options: SendOptions, recipient?: string) {
    const encrypted = await phone.encrypt(device.lid, message, () => around.takeDeviceBundle(device));
    const { addressing } = options;
    return messageStanza(id, encrypted, { account, device: 0, addressing, notify: nameOf(account), recipient });
  }

  function linkedDevices(phoneNumber: string): Device[] {
    return around.registry.devicesOf(phoneNumber).filter(({ linked }) => linked);
  }

  function targetOf(to: string): Account {
    const byLid = to.endsWith('@lid') ? around.registry.accountByLid(phoneOf(to)) : undefined;
    return byLid ?? around.registry.account(phoneOf(to));
  }

  async function send(to: string, message: object, options: SendOptions): Promise<{ id: string }> {
    const target = targetOf(to);
    const chat = deviceJid(target.phone, 0, 's.whatsapp.net');
    const id = options.id ?? `3A${randomBytes(9).toString('hex').toUpperCase()}`;
    sent.set(id, { message, options });
    if (target !== account) {
      for (const device of linkedDevices(target.phone)) {
        around.mailboxOf(device).put(await encryptFor(device, id, message, options));
      }
      around.findResident(target.phone)?.deliver({ id, from: jid, chat: jid, message: message as MessageContent });
    }
    // One's own linked devices learn what the phone wrote.
    const copy: object = { deviceSentMessage: { destinationJid: chat, message } };
    for (const device of linkedDevices(account.phone)) {
      around.mailboxOf(device).put(await encryptFor(device, id, copy, options, chat));
    }
    return { id };
  }

  const contact: Contact = {
    phone: account.phone,
    jid,
    lid: deviceJid(account.lidUser, 0, 'lid'),
    get name() {
      return nameOf(account);
    },
    received,
    receipts,
    sendText: (to, text, options) => contact.send(to, { conversation: text }, options),
    send: (to, message, options = {}) => around.enqueue(() => send(to, message, options)),
    markRead(to, ids) {
      for (const device of linkedDevices(targetOf(to).phone)) {
        for (const id of ids) around.mailboxOf(device).put(receiptStanza(jid, id, 'read'));
      }
    },
    waitForMessage: (predicate = () => true, options) =>
      around.waiter.until(() => received.find(predicate), `a message to ${account.phone}`, options),
    waitForReceipt(id, options = {}) {
      const types = options.type === undefined ? ['delivered', 'inactive'] : [options.type];
      return around.waiter.until(
        () => receipts.find((receipt) => receipt.id === id && types.includes(receipt.type)),
        `a receipt for ${id}`,
        options,
      );
    },
  };

  return {
    contact,
    rename(next) {
      account.name = next;
    },
    takeBundle: phone.takeBundle,
    registrationId: phone.registrationId,
    async decrypt(from, encrypted) {
      const message = await phone.decrypt(from.lid, encrypted);
      return message.deviceSentMessage?.message ?? message;
    },
    deliver(delivered) {
      const { conversation, extendedTextMessage } = delivered.message;
      received.push({ ...delivered, text: conversation || extendedTextMessage?.text || undefined, at: new Date() });
      around.waiter.changed();
    },
    noteReceipt(receipt) {
      receipts.push(receipt);
      around.waiter.changed();
    },
    async sendToOwnDevice(device, message) {
      const id = `3A${randomBytes(9).toString('hex').toUpperCase()}`;
      const stanza = await encryptFor(device, id, message, {});
      around.mailboxOf(device).put({ ...stanza, attrs: { ...stanza.attrs, category: 'peer' } });
    },
    async sendAgain(device, id) {
      const earlier = sent.get(id);
      if (!earlier) return;
      phone.forgetSession(device.lid);
      around.mailboxOf(device).put(await encryptFor(device, id, earlier.message, earlier.options), true);
    },
    close: phone.close,
  };
}

function nameOf(account: Account): string {
  return account.name ?? `Account ${account.phone}`;
}
