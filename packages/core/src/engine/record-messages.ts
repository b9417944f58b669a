import type { Config } from '../config.js';
import { WaSyncError } from '../errors.js';
import type { RecordedMessage } from '../ports/conversation-store.js';
import type { WaSyncStore } from '../ports/store.js';

const BATCH = 1_000;
const SPEAKERS = new Set<unknown>(['contact', 'agent', 'bot']);

/** Records messages: calls of one moment share a statement, each settles when its own message is committed. */
export function createRecordMessages(deps: { config: Pick<Config, 'observeOnly'>; store: WaSyncStore }) {
  const { store } = deps;
  const waiting: { message: RecordedMessage; resolve(): void; reject(error: unknown): void }[] = [];
  let flushing = false;

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
    flushing = false;
  }

  return (message: RecordedMessage): Promise<void> => {
    if (!store.conversations) throw new WaSyncError('not_supported', 'This store keeps no conversations');
    if (deps.config.observeOnly) return Promise.resolve();
    checkMessage(message);
    return new Promise((resolve, reject) => {
      waiting.push({ message, resolve, reject });
      if (!flushing) void flush();
    });
  };
}

function checkMessage({ conversationId, sessionId, from, at }: RecordedMessage): void {
  const problem =
    (!isName(conversationId) && 'conversationId takes a text of 1 to 255 characters') ||
    (!isName(sessionId) && 'sessionId takes a text of 1 to 255 characters') ||
    (!SPEAKERS.has(from) && 'from takes contact, agent or bot') ||
    (!(at instanceof Date && Number.isFinite(at.getTime())) && 'at takes a Date');
  if (problem) throw new WaSyncError('message_invalid', `A recorded message is wrong: ${problem}`);
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= 255;
}
