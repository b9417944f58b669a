/**
 * Messages that arrived and that Baileys does not emit. Where a link breaks between the decryption and the receipt,
 * WhatsApp delivers the message again, Baileys finds its key used up, refuses it for good and emits nothing. For the
 * clock of a conversation it is enough to know who wrote, and when.
 *
 * Owns: the stanzas that Baileys was given and has not emitted, and the one timer, for the oldest.
 */
import type { Clock } from '@wa-sync/core';
import type { BaileysMessageLike } from '../client/baileys-like.js';
import type { MessageType } from './tap-messages.js';

/** Longer than Baileys ever holds a message back: 30 s. */
const PATIENCE_MS = 35_000;
const MOST_KEPT = 5_000;
/** What `messageStubType` says of a message that could not be decrypted. */
const CIPHERTEXT_STUB = 2;
const PERSON = /@(s\.whatsapp\.net|lid|c\.us|hosted|hosted\.lid)$/;

interface Unread {
  readonly message: BaileysMessageLike;
  readonly type: MessageType;
  readonly atMs: number;
}

export function createUnreadStanzas(params: {
  clock: Clock;
  onUnread(message: BaileysMessageLike, type: MessageType): void;
}) {
  const { clock, onUnread } = params;
  /** By message id, oldest first. */
  const waiting = new Map<string, Unread>();
  let cancel: (() => void) | null = null;

  function schedule(): void {
    const [oldest] = waiting.values();
    if (cancel !== null || oldest === undefined) return;
    cancel = clock.schedule(reportOld, Math.max(1, PATIENCE_MS - (clock.monotonicMs() - oldest.atMs)));
  }

  function reportOld(): void {
    cancel = null;
    for (const [id, { atMs }] of waiting) {
      if (clock.monotonicMs() - atMs < PATIENCE_MS) break;
      report(id);
    }
    schedule();
  }

  function report(id: string): void {
    const unread = waiting.get(id);
    waiting.delete(id);
    if (unread) onUnread(unread.message, unread.type);
  }

  return {
    /** A stanza arrived. */
    note(frame: unknown): void {
      const read = readStanza(frame);
      if (read === null) return;
      waiting.set(read.id, { ...read, atMs: clock.monotonicMs() });
      const [oldest] = waiting.keys();
      if (waiting.size > MOST_KEPT && oldest !== undefined) report(oldest);
      schedule();
    },
    /** Baileys emitted a message. */
    delivered(id: string | null | undefined): void {
      if (id) waiting.delete(id);
    },
    /** Reports what is left. */
    close(): void {
      cancel?.();
      cancel = null;
      for (const id of [...waiting.keys()]) report(id);
    },
  };
}

function readStanza(frame: unknown): { id: string; message: BaileysMessageLike; type: MessageType } | null {
  const { tag, attrs, content } = (frame ?? {}) as {
    tag?: unknown;
    attrs?: Record<string, string | undefined>;
    content?: unknown;
  };
  if (tag !== 'message' || !attrs?.id || !attrs.from || !PERSON.test(attrs.from)) return null;
  // No messages between people: what devices send each other, reactions, edits and deletions, answers of bots.
  if (attrs.category === 'peer' || attrs.type === 'reaction' || attrs.edit || hasBotAnswer(content)) return null;
  const { id, from, recipient, t, offline } = attrs;
  const alt = recipient ? (attrs.recipient_lid ?? attrs.recipient_pn) : (attrs.sender_lid ?? attrs.sender_pn);
  const key = { remoteJid: recipient ?? from, remoteJidAlt: alt, fromMe: recipient !== undefined, id };
  return {
    id,
    message: { key, messageTimestamp: t, messageStubType: CIPHERTEXT_STUB },
    type: offline === undefined ? 'notify' : 'append',
  };
}

function hasBotAnswer(content: unknown): boolean {
  if (!Array.isArray(content)) return false;
  return (content as { attrs?: { type?: unknown } }[]).some(({ attrs }) => attrs?.type === 'msmsg');
}
