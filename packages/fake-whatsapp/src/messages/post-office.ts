import { deflateSync } from 'node:zlib';
import type { Baileys } from '../baileys/load-baileys.js';
import { type Account, type Device, type DeviceRegistry, deviceJid, phoneOf } from '../devices/device-registry.js';
import type { KeyBundle } from '../devices/key-bundle.js';
import { appStateKeyMessage } from '../devices/key-bundle.js';
import type { Encrypted } from '../devices/phone.js';
import type { ServerConnection } from '../link/connection.js';
import { createMailbox, type Mailbox } from '../session/mailbox.js';
import type { ServerSession } from '../session/session.js';
import type { Waiter } from '../session/waiter.js';
import { type BinaryNode, readJid } from '../wire/binary-node.js';
import type { Contact } from './contact.js';
import { createResident, type Neighbourhood, type Resident } from './create-contact.js';
import {
  ackStanza,
  messageStanza,
  readCiphertexts,
  readReceiptIds,
  receiptStanza,
  retryStanza,
} from './message-stanzas.js';

/** Carries messages and receipts between linked devices and simulated phones. */
export type PostOffice = {
  contact(phone: string, name?: string): Contact;
  mailboxOf(device: Device): Mailbox;
  /** Takes a prekey bundle for writing to a device, or to the phone where the jid names no device. */
  takeBundle(jid: string): KeyBundle | undefined;
  /** Takes a `message`, `receipt` or `ack` of a device. */
  receive(session: ServerSession, connection: ServerConnection, node: BinaryNode): void;
  /** The device is ready to receive: hands it its backlog and, after its pairing, the history of the phone. */
  open(session: ServerSession, connection: ServerConnection): void;
  close(): void;
};

const MAX_RETRIES = 3;
const PERSONAL_SERVERS = ['s.whatsapp.net', 'c.us', 'lid'];

export function createPostOffice(registry: DeviceRegistry, waiter: Waiter, baileys: Baileys): PostOffice {
  const residents = new Map<string, Resident>();
  const mailboxes = new Map<string, Mailbox>();
  const retries = new Map<string, number>();
  let work: Promise<unknown> = Promise.resolve();

  const neighbourhood: Neighbourhood = {
    baileys,
    registry,
    waiter,
    mailboxOf,
    takeDeviceBundle,
    findResident: (phone) => residents.get(phone),
    enqueue(task) {
      const result = work.then(task);
      work = result.catch(() => {});
      return result;
    },
  };

  function mailboxOf(device: Device): Mailbox {
    let mailbox = mailboxes.get(device.jid);
    if (!mailbox) {
      mailbox = createMailbox();
      mailboxes.set(device.jid, mailbox);
    }
    return mailbox;
  }

  function residentOf(account: Account): Resident {
    let resident = residents.get(account.phone);
    if (!resident) {
      resident = createResident(account, neighbourhood);
      residents.set(account.phone, resident);
    }
    return resident;
  }

  function takeDeviceBundle(device: Device): KeyBundle | undefined {
    const { identityKey, signedPreKey, registrationId } = device;
    if (!identityKey || !signedPreKey || registrationId === undefined) return undefined;
    return { identityKey, signedPreKey, registrationId, preKey: device.preKeys.shift() };
  }

  /** Groups, channels and broadcasts are no address of a person. */
  function locate(jid: string): { account: Account; device: number } | undefined {
    const decoded = readJid(jid);
    if (!decoded || !PERSONAL_SERVERS.includes(decoded.server)) return undefined;
    const account =
      decoded.server === 'lid' ? registry.accountByLid(decoded.user) : registry.account(phoneOf(decoded.user));
    return account && { account, device: decoded.device ?? 0 };
  }

  async function route(from: Device, node: BinaryNode): Promise<void> {
    const id = node.attrs.id ?? '';
    const addressee = locate(node.attrs.to ?? '');
    if (!addressee) return;
    for (const { jid, encrypted } of readCiphertexts(node)) {
      const target = locate(jid);
      if (!target) continue;
      const isOwn = target.account.phone === from.phone;
      const chat = deviceJid(isOwn ? addressee.account.phone : from.phone, 0, 's.whatsapp.net');
      if (target.device === 0) {
        await readOnPhone(residentOf(target.account), from, node, encrypted, chat);
        continue;
      }
      const device = registry.findDevice(target.account.phone, target.device);
      if (!device?.linked) continue;
      const sender = { account: registry.account(from.phone), device: from.device };
      mailboxOf(device).put(messageStanza(id, encrypted, { ...sender, recipient: isOwn ? chat : undefined }));
    }
  }

  async function readOnPhone(
    reader: Resident,
    from: Device,
    node: BinaryNode,
    encrypted: Encrypted,
    chat: string,
  ): Promise<void> {
    const id = node.attrs.id ?? '';
    const isOwn = reader.contact.phone === from.phone;
    try {
      const message = await reader.decrypt(from, encrypted);
      retries.delete(`${reader.contact.phone}/${id}`);
      reader.deliver({ id, from: from.jid, chat, message });
      if (!isOwn) mailboxOf(from).put(receiptStanza(reader.contact.jid, id));
    } catch (cause) {
      // The device still uses a session from before a restart of this server: it is asked to open a new one.
      const count = (retries.get(`${reader.contact.phone}/${id}`) ?? 0) + 1;
      if (isOwn || count > MAX_RETRIES) throw cause;
      retries.set(`${reader.contact.phone}/${id}`, count);
      mailboxOf(from).put(retryStanza(reader.contact.jid, node, count, reader.registrationId));
    }
  }

  function receiveReceipt(from: Device, node: BinaryNode): void {
    const ids = readReceiptIds(node);
    const type = node.attrs.type ?? 'delivered';
    mailboxOf(from).confirm('message', ids);
    const target = locate(node.attrs.to ?? '');
    if (!target) return;
    for (const device of registry.devicesOf(target.account.phone)) {
      if (device.linked && device !== from && target.device === device.device && type !== 'retry') {
        for (const id of ids) mailboxOf(device).put(receiptStanza(from.jid, id, type === 'read' ? 'read' : undefined));
      }
    }
    const resident = residents.get(target.account.phone);
    if (!resident) return;
    for (const id of ids) resident.noteReceipt({ id, from: from.jid, type, at: new Date() });
    if (type === 'retry') void neighbourhood.enqueue(() => resident.sendAgain(from, ids[0]!));
  }

  return {
    contact(phone, name) {
      const resident = residentOf(registry.account(phoneOf(phone)));
      if (name !== undefined) resident.rename(name);
      return resident.contact;
    },
    mailboxOf,
    takeBundle(jid) {
      const target = locate(jid);
      if (!target) return undefined;
      if (target.device === 0) return residentOf(target.account).takeBundle();
      const device = registry.findDevice(target.account.phone, target.device);
      return device?.linked ? takeDeviceBundle(device) : undefined;
    },
    receive(session, connection, node) {
      const device = session.record;
      if (node.tag === 'receipt') {
        connection.sendNode(ackStanza(node));
        receiveReceipt(device, node);
      } else if (node.tag === 'ack') {
        const isRefusal = node.attrs.error !== undefined;
        mailboxOf(device).confirm(node.attrs.class ?? 'message', [node.attrs.id ?? ''], { isRefusal });
      } else if (node.tag === 'message') {
        const { ack = 'ok', error, deliver = error === undefined } = session.messagePolicy;
        if (ack === 'ok') connection.sendNode(ackStanza(node, error));
        if (!deliver) return;
        neighbourhood
          .enqueue(() => route(device, node))
          .catch((failure: Error) => session.note('undeliverable', connection, failure.message));
      }
    },
    open(session, connection) {
      const device = session.record;
      mailboxOf(device).open(connection);
      if (!device.awaitsHistory) return;
      device.awaitsHistory = false;
      neighbourhood
        .enqueue(async () => {
          const owner = residentOf(registry.account(device.phone));
          // The key first: older versions refuse a history that comes before it.
          await owner.sendToOwnDevice(device, appStateKeyMessage(registry.account(device.phone)));
          await owner.sendToOwnDevice(device, emptyHistoryMessage(baileys));
        })
        .catch((failure: Error) => session.note('undeliverable', connection, failure.message));
    },
    close() {
      for (const resident of residents.values()) resident.close();
    },
  };
}

const HISTORY_SYNC_NOTIFICATION = 5;
const INITIAL_BOOTSTRAP = 0;

/**
 * The message by which a phone hands its chats to a device it has just linked, here without any chat. Without it
 * Baileys holds all events back for 20 s after the first login.
 */
function emptyHistoryMessage({ proto }: Baileys): object {
  const syncType = INITIAL_BOOTSTRAP;
  const history = proto.HistorySync.encode({ syncType, chunkOrder: 1, progress: 100 }).finish();
  return {
    protocolMessage: {
      type: HISTORY_SYNC_NOTIFICATION,
      historySyncNotification: {
        syncType,
        chunkOrder: 1,
        progress: 100,
        initialHistBootstrapInlinePayload: deflateSync(history),
      },
    },
  };
}
