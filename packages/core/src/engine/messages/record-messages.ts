import { WaSyncError } from '../../domain/errors.js';
import type { Config } from '../../options/config.js';
import type { RecordedMessage } from '../../ports/conversation-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import { createBatcher } from '../limits/batch-calls.js';

const BATCH = 1_000;
const SPEAKERS = new Set<unknown>(['contact', 'agent', 'bot']);

export type RecordMessages = ReturnType<typeof createRecordMessages>;

/** Records messages: calls of one moment share a statement, each settles when its own message is committed. */
export function createRecordMessages(deps: { config: Pick<Config, 'observeOnly'>; store: WaSyncStore }) {
  const { store } = deps;
  let latest: Promise<void> = Promise.resolve();
  const commit = createBatcher<RecordedMessage, void>({
    next: 'after',
    maxSize: () => BATCH,
    async run(messages) {
      await store.conversations?.record({ messages });
      return [];
    },
  });

  return {
    async record(message: RecordedMessage): Promise<void> {
      if (!store.conversations) throw new WaSyncError('not_supported', 'This store keeps no conversations');
      const checked = checkMessage(message);
      if (deps.config.observeOnly) return;
      const committed = commit(checked);
      // They settle in the order in which they came.
      latest = committed.catch(() => {});
      await committed;
    },
    /** Settles when what was reported until now is recorded, or was refused. */
    flushed: (): Promise<void> => latest,
  };
}

/** A copy, so that a caller who goes on with its object changes nothing of what is recorded. */
function checkMessage(message: RecordedMessage): RecordedMessage {
  const { conversationId, sessionId, from, at, chat, messageId } = message ?? {};
  const problem =
    (!isName(conversationId) && 'conversationId takes a text of 1 to 255 characters without control characters') ||
    (!isName(sessionId) && 'sessionId takes a text of 1 to 255 characters without control characters') ||
    (!SPEAKERS.has(from) && 'from takes contact, agent or bot') ||
    (!(at instanceof Date && Number.isFinite(at.getTime())) && 'at takes a Date') ||
    (chat !== undefined && !isName(chat) && 'chat takes an address at WhatsApp') ||
    (messageId !== undefined && !isName(messageId) && 'messageId takes an id at WhatsApp');
  if (problem) throw new WaSyncError('message_invalid', `A recorded message is wrong: ${problem}`);
  return { conversationId, sessionId, from, at: new Date(at), chat, messageId };
}

/** Lone surrogates and the null character are no text to a database. */
function isName(value: unknown): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= 255 && !/\p{Cc}|\p{Cs}/u.test(value);
}
