import { WaSyncError } from '../../domain/errors.js';
import type { Config } from '../../options/config.js';
import type { RecordedMessage } from '../../ports/conversation-store.js';
import type { WaSyncStore } from '../../ports/store.js';

const BATCH = 1_000;
const SPEAKERS = new Set<unknown>(['contact', 'agent', 'bot']);

export type RecordMessages = ReturnType<typeof createRecordMessages>;

/** Records messages: calls of one moment share a statement, each settles when its own message is committed. */
export function createRecordMessages(deps: { config: Pick<Config, 'observeOnly'>; store: WaSyncStore }) {
  const { store } = deps;
  const waiting: { message: RecordedMessage; resolve(): void; reject(error: unknown): void }[] = [];
  let flushing = false;
  let latest: Promise<void> = Promise.resolve();

  async function flush(): Promise<void> {
    flushing = true;
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = waiting.splice(0, BATCH);
      try {
        await store.conversations?.record({ messages: batch.map(({ message }) => message) });
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    // In the same turn as the last read of the queue: a message that came in between would wait for ever.
    flushing = false;
  }

  return {
    async record(message: RecordedMessage): Promise<void> {
      if (!store.conversations) throw new WaSyncError('not_supported', 'This store keeps no conversations');
      const checked = checkMessage(message);
      if (deps.config.observeOnly) return;
      const committed = new Promise<void>((resolve, reject) => {
        waiting.push({ message: checked, resolve, reject });
      });
      if (!flushing) void flush();
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
