import type { BaileysMessageLike, MessagesUpsertLike } from '../client/baileys-like.js';

/** What a message says of itself. */
export interface MessageFacts {
  /** Address at WhatsApp of the person or group. */
  readonly chat: string;
  readonly isGroup: boolean;
  readonly phoneJid: string | null;
  readonly lidJid: string | null;
  readonly from: 'contact' | 'agent';
  /** When it was written; `null` where the message does not say. */
  readonly at: Date | null;
  readonly messageId: string | undefined;
  /** Delivered late: it was written while the number was offline. */
  readonly isReplay: boolean;
}

/** Wrappers whose content is what counts. */
const WRAPPERS = [
  'ephemeralMessage',
  'viewOnceMessage',
  'viewOnceMessageV2',
  'viewOnceMessageV2Extension',
  'documentWithCaptionMessage',
  'deviceSentMessage',
] as const;
const MOST_WRAPPERS = 5;

/**
 * Contents that address nobody: housekeeping, changes of an earlier message, and reactions. A thumb up under
 * a farewell must not open the conversation anew.
 */
const SILENT = new Set([
  'messageContextInfo',
  'protocolMessage',
  'senderKeyDistributionMessage',
  'fastRatchetKeySenderKeyDistributionMessage',
  'reactionMessage',
  'encReactionMessage',
  'editedMessage',
  'keepInChatMessage',
  'pinInChatMessage',
]);

/** A stub for what could not be decrypted: somebody wrote, whatever it was. */
const CIPHERTEXT_STUB = 2;

/**
 * Reads what counts of a message; `null` for everything that is no message between people: status updates, channels,
 * broadcast lists, notices of groups, reactions, housekeeping.
 */
export function readMessage(message: BaileysMessageLike, type: MessagesUpsertLike['type']): MessageFacts | null {
  const { remoteJid, remoteJidAlt, fromMe, id } = message.key ?? {};
  const kind = kindOf(remoteJid);
  if (!remoteJid || kind === null || message.category === 'peer' || !saysSomething(message)) return null;
  const isGroup = kind === 'group';
  const names = isGroup ? [] : [remoteJid, remoteJidAlt];
  return {
    chat: remoteJid,
    isGroup,
    phoneJid: withoutDevice(names.find((jid) => kindOf(jid) === 'phone')),
    lidJid: withoutDevice(names.find((jid) => kindOf(jid) === 'lid')),
    from: fromMe ? 'agent' : 'contact',
    at: instantOf(message.messageTimestamp),
    messageId: id || undefined,
    isReplay: type === 'append' && !fromMe,
  };
}

/** `<user>:<device>@<server>` without the device. */
export function withoutDevice(jid: string | null | undefined): string | null {
  return jid ? jid.replace(/:\d+(?=@)/, '') : null;
}

function kindOf(jid: string | null | undefined): 'phone' | 'lid' | 'group' | null {
  switch (jid?.split('@')[1]) {
    case 's.whatsapp.net':
    case 'c.us':
    case 'hosted':
      return 'phone';
    case 'lid':
    case 'hosted.lid':
      return 'lid';
    case 'g.us':
      return 'group';
    default:
      return null;
  }
}

function saysSomething({ message, messageStubType }: BaileysMessageLike): boolean {
  if (messageStubType !== undefined && messageStubType !== null && messageStubType !== 0) {
    return messageStubType === CIPHERTEXT_STUB;
  }
  let content = message as Record<string, unknown> | null | undefined;
  for (let depth = 0; content && depth < MOST_WRAPPERS; depth++) {
    const wrapper = WRAPPERS.find((name) => content?.[name]);
    if (!wrapper) break;
    content = (content[wrapper] as { message?: Record<string, unknown> | null }).message;
  }
  return Object.entries(content ?? {}).some(
    ([name, value]) => value !== null && value !== undefined && !SILENT.has(name),
  );
}

/** WhatsApp counts in seconds; Baileys gives a number or a `Long`. */
function instantOf(timestamp: unknown): Date | null {
  if (timestamp === null || timestamp === undefined) return null;
  const seconds = Number(timestamp);
  if (!(seconds > 0)) return null;
  const at = new Date(seconds * 1_000);
  return Number.isFinite(at.getTime()) ? at : null;
}
