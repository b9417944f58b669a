import type { MessageContent } from '../baileys/baileys-members.js';
import type { WaitOptions } from '../session/waiter.js';

/** A message that a contact's phone received and decrypted. */
export type ReceivedMessage = {
  id: string;
  /** Jid of the device that sent it, by phone number. */
  from: string;
  /** Jid of the chat: the sender's account, or the recipient where one's own device wrote to somebody else. */
  chat: string;
  /** Conversation or extended text; undefined for everything else. */
  text: string | undefined;
  message: MessageContent;
  at: Date;
};

export type SendOptions = {
  /** Default: a random one. Sending an id twice delivers it twice. */
  id?: string;
  /** Whether the sender shows by phone number, with its LID beside it, or in reverse. Default: `pn`. */
  addressing?: 'pn' | 'lid';
};

/** A receipt that a device sent for a message of this contact. */
export type Receipt = {
  id: string;
  from: string;
  type: 'delivered' | 'inactive' | 'read' | 'retry' | string;
  at: Date;
};

/** A simulated person with a phone: writes to linked devices and reads what they write. */
export type Contact = {
  readonly phone: string;
  /** `<phone>@s.whatsapp.net` */
  readonly jid: string;
  readonly lid: string;
  readonly name: string;
  /** All messages received, oldest first; one that was sent twice is here twice. */
  readonly received: readonly ReceivedMessage[];
  readonly receipts: readonly Receipt[];
  /**
   * Writes to all devices of an account. Resolves when it is encrypted and handed to the server, which delivers it
   * at once or at the next login of the device.
   */
  sendText(to: string, text: string, options?: SendOptions): Promise<{ id: string }>;
  /** Like `sendText`, with any content of Baileys' `proto.IMessage`. */
  send(to: string, message: object, options?: SendOptions): Promise<{ id: string }>;
  /** Informs the sender that its messages were read. */
  markRead(to: string, ids: readonly string[]): void;
  /** Resolves with the first received message for which the predicate holds, now or later. Default: any. */
  waitForMessage(predicate?: (message: ReceivedMessage) => boolean, options?: WaitOptions): Promise<ReceivedMessage>;
  /** Resolves with the first receipt for this message id. Default type: `delivered` or `inactive`. */
  waitForReceipt(id: string, options?: WaitOptions & { type?: string }): Promise<Receipt>;
};
