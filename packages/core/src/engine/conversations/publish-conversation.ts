import type { Config } from '../../config.js';
import type { ConversationRecord } from '../../domain/conversation.js';
import { maskNumbers } from '../../mask-numbers.js';
import type { Events } from '../events/emit-events.js';

/** After a connection opens, what was written meanwhile arrives within half a minute; until it is recorded nobody is called quiet. */
export const SETTLED_FOR_MS = 60_000;

/** Tells what became of a conversation's message; one that was reopened meanwhile is not called closed. */
export function tellEnded(
  deps: { config: Pick<Config, 'clock' | 'logger'>; events: Events },
  { id, sessionId, outgoing, state }: ConversationRecord,
): void {
  const { clock, logger } = deps.config;
  if (!outgoing) return;
  const { kind, delivery } = outgoing;
  logger.info(
    { conversationId: id, sessionId, kind, delivery },
    `Conversation ${maskNumbers(id)}: ${kind} ${delivery}`,
  );
  if (kind !== 'farewell' || state !== 'CLOSED') return;
  deps.events.emit('conversation:closed', { at: clock.now(), conversationId: id, sessionId, delivery });
}
