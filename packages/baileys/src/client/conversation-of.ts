import type { BaileysMessageLike } from './baileys-like.js';

/** What is known of a message when the host is asked for its conversation. */
export interface MessageOrigin<Message extends BaileysMessageLike = BaileysMessageLike> {
  readonly sessionId: string;
  /** The message as Baileys gave it: a function of `MessageOrigin<WAMessage>` gets it in the type of the host's Baileys. */
  readonly message: Message;
  /** Address at WhatsApp as the message has it, and where an answer goes. */
  readonly chat: string;
  readonly isGroup: boolean;
  /** `<digits>@s.whatsapp.net` of the contact; `null` for a group and where only the LID is known. */
  readonly phoneJid: string | null;
  /** `<digits>@lid` of the contact; `null` for a group and where only the phone number is known. */
  readonly lidJid: string | null;
  /** `agent`: written with this number, by the app or on the phone. */
  readonly from: 'contact' | 'agent';
  /** When it was written, which may be long ago. */
  readonly at: Date;
  /** Written while the number was offline, and delivered now. */
  readonly isReplay: boolean;
}

/** Names the host's conversation of a message; `null` where it has none. */
export type ConversationOf = {
  // A method, because its parameter may be narrower: only the host knows the type that its Baileys has for a message.
  of(origin: MessageOrigin): string | null | undefined | Promise<string | null | undefined>;
}['of'];
