/**
 * Turns what Baileys hears into messages of the host's conversations.
 *
 * Owns: the questions to the host that are not answered yet, and who receives the messages.
 */
import { type Clock, type Logger, maskNumbers, type RecordedMessage } from '@wa-sync/core';
import { createHostCalls, withTimeout } from '@wa-sync/core/adapter';
import type { BaileysMessageLike, BaileysSocketLike } from '../client/baileys-like.js';
import type { ConversationOf } from '../client/option-types.js';
import { type MessageFacts, readMessage, withoutDevice } from './read-message.js';
import type { MessageType } from './tap-messages.js';
import { createUnreadStanzas } from './unread-stanzas.js';

type Listener = (messages: readonly RecordedMessage[]) => Promise<void>;

const ANSWER_WITHIN_MS = 10_000;
const MAPPING_WITHIN_MS = 2_000;
/** Beyond so many questions without an answer the host is stuck, and each holds a message in memory. */
const MOST_OPEN = 10_000;

export function createMessageFeed(params: {
  sessionId: string;
  conversationOf: ConversationOf;
  clock: Clock;
  logger: Logger;
}) {
  const { sessionId, conversationOf, clock } = params;
  const host = createHostCalls(params);
  const listeners = new Set<{ readonly listener: Listener }>();
  const open = new Set<Promise<void>>();

  const asked = (code: string, text: string) => ({
    name: 'conversationOf',
    code,
    text: `Session ${maskNumbers(sessionId)}: ${text}`,
    fields: { sessionId },
  });

  async function findNames(
    socket: BaileysSocketLike,
    facts: MessageFacts,
  ): Promise<Pick<MessageFacts, 'phoneJid' | 'lidJid'>> {
    const { phoneJid, lidJid } = facts;
    const mapping = socket.signalRepository?.lidMapping;
    if (facts.isGroup || !mapping || (phoneJid !== null && lidJid !== null)) return { phoneJid, lidJid };
    try {
      const asked = lidJid === null ? mapping.getLIDForPN(phoneJid ?? '') : mapping.getPNForLID(lidJid);
      const other = withoutDevice(await withTimeout(clock, MAPPING_WITHIN_MS, () => asked));
      return lidJid === null ? { phoneJid, lidJid: other } : { phoneJid: other, lidJid };
    } catch {
      return { phoneJid, lidJid };
    }
  }

  async function ask(socket: BaileysSocketLike, message: BaileysMessageLike, facts: MessageFacts): Promise<void> {
    const { chat, isGroup, from, isReplay, messageId } = facts;
    const at = facts.at ?? clock.now();
    const failing = asked('conversation_of_failed', 'conversationOf failed, the message is not recorded');
    const answer = await host.ask(failing, ANSWER_WITHIN_MS, async () => {
      const names = await findNames(socket, facts);
      return conversationOf({ sessionId, message, chat, isGroup, ...names, from, at, isReplay });
    });
    const conversationId = answer?.result;
    if (conversationId === null || conversationId === undefined) return;
    const recorded = [{ conversationId, sessionId, from, at, chat, messageId }];
    for (const { listener } of [...listeners]) {
      try {
        await listener(recorded);
      } catch (error) {
        host.failed(asked('message_not_recorded', 'a message was not recorded'), error);
      }
    }
  }

  function take(socket: BaileysSocketLike, message: BaileysMessageLike, type: MessageType): void {
    const facts = readMessage(message, type);
    if (facts === null || listeners.size === 0) return;
    if (open.size >= MOST_OPEN) {
      const stuck = new Error(`${MOST_OPEN} messages wait for conversationOf`);
      host.failed(asked('messages_dropped', 'a message is not recorded'), stuck);
      return;
    }
    const asking = ask(socket, message, facts).finally(() => open.delete(asking));
    open.add(asking);
  }

  let newestSocket: BaileysSocketLike | null = null;
  const unread = createUnreadStanzas({
    clock,
    onUnread: (message, type) => {
      if (newestSocket !== null) take(newestSocket, message, type);
    },
  });

  return {
    /** What `watchSocket` needs to call for this feed to follow a socket. */
    handlersFor(socket: BaileysSocketLike) {
      newestSocket = socket;
      return {
        onStanza: unread.note,
        onMessages(messages: readonly BaileysMessageLike[], type: MessageType): void {
          for (const message of messages) {
            unread.delivered(message.key?.id);
            take(socket, message, type);
          }
        },
      };
    },
    onMessages(listener: Listener): () => void {
      const entry = { listener };
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    /** Settles when all that arrived until now has been passed on. */
    async delivered(): Promise<void> {
      await Promise.all(open);
    },
    /** Passes on what has arrived, then nothing any more. */
    async close(): Promise<void> {
      // Handlers that were running when the socket ended get their turn first.
      await clock.yield();
      await clock.yield();
      unread.close();
      await Promise.all(open);
      listeners.clear();
    },
  };
}

export type MessageFeed = ReturnType<typeof createMessageFeed>;
