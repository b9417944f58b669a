/**
 * Sends what the closing of conversations has decided, for the sessions that are held here. The send is recorded
 * before it begins, under an id made of the conversation and its closing number: a crash in between leaves `unknown`,
 * and nothing is ever sent twice.
 *
 * Owns: the sessions that are sending now, how often each sent in the last minute, and ends that could not be
 * recorded.
 */

import type { ConversationRecord, OutgoingMessage } from '../../domain/conversation.js';
import { maskNumbers } from '../../domain/safe-text.js';
import type { Config } from '../../options/config.js';
import type { SendAnswer } from '../../ports/connection.js';
import type { ConversationStore } from '../../ports/conversation-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Events } from '../events/emit-events.js';
import type { Lease } from '../lease/lease.js';
import { withTimeout } from '../limits/limit-calls.js';
import type { Held, HeldSessions } from '../owned-sessions/held-sessions.js';
import { observe } from '../owned-sessions/observe.js';

const BATCH = 200;
const ACK_LIMIT_MS = 20_000;
const GRACE_MS = 5_000;
const MINUTE_MS = 60_000;
const ANSWERS = new Set<unknown>(['sent', 'unknown', 'failed'] satisfies SendAnswer[]);

type End = Parameters<ConversationStore['endSend']>[0];

export type SendOutgoing = ReturnType<typeof createSendOutgoing>;

export function createSendOutgoing(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'inactivity' | 'observeOnly'>;
  store: WaSyncStore;
  held: HeldSessions;
  lease: Lease;
  events: Events;
  /** Settles when every message reported until now is recorded, or failed to be; `false` where that is not known. */
  recorded(held: Held): Promise<boolean>;
}) {
  const { store, held: sessions, lease } = deps;
  const { clock, logger, inactivity, observeOnly } = deps.config;
  const sentAt = new Map<string, number[]>();
  const busy = new Map<string, Promise<void>>();
  const unrecorded = new Map<string, End>();
  let underWay: Promise<void> | null = null;

  function canSend(held: Held): boolean {
    if (sessions.get(held.id) !== held || held.tenure === null || lease.suspectsItself()) return false;
    const seen = observe(held);
    return seen.kind === 'known' && seen.status === 'CONNECTED' && seen.health === 'healthy' && lease.trusted();
  }

  /** Whether one more message a minute is allowed. */
  function hasTurn(sessionId: string): boolean {
    const nowMs = clock.monotonicMs();
    const recent = (sentAt.get(sessionId) ?? []).filter((at) => nowMs - at < MINUTE_MS);
    if (recent.length > 0) sentAt.set(sessionId, recent);
    else sentAt.delete(sessionId);
    return recent.length < inactivity.sendsPerMinute;
  }

  async function transmit(held: Held, chat: string, message: OutgoingMessage): Promise<SendAnswer> {
    const { sendText } = held.connection;
    if (!sendText) return 'failed';
    sentAt.set(held.id, [...(sentAt.get(held.id) ?? []), clock.monotonicMs()]);
    try {
      const params = { chat, text: message.text, messageId: message.id, timeoutMs: ACK_LIMIT_MS };
      const answer = await withTimeout(clock, ACK_LIMIT_MS + GRACE_MS, () => sendText.call(held.connection, params));
      return answer !== null && ANSWERS.has(answer) ? answer : 'unknown';
    } catch (error) {
      // The message may have left before the error came.
      logger.warn({ code: 'send_failed', sessionId: held.id, err: error }, 'A message could not be sent for certain');
      return 'unknown';
    }
  }

  async function endSend(conversations: ConversationStore, end: End): Promise<void> {
    try {
      const ended = await conversations.endSend(end);
      unrecorded.delete(end.messageId);
      if (ended) publishEnded(deps, ended);
    } catch (error) {
      unrecorded.set(end.messageId, end);
      throw error;
    }
  }

  /** Whether the session may send another one. */
  async function sendOne(conversations: ConversationStore, held: Held, found: ConversationRecord): Promise<boolean> {
    const { outgoing: message, chat, id, sequence } = found;
    if (!message || chat === null) return true;
    if (!canSend(held) || !hasTurn(held.id)) return false;
    // The contact may have written: then nothing may be sent.
    if (!(await deps.recorded(held))) return false;
    const { id: messageId } = message;
    const owner = lease.incarnation();
    const goOn = lease.watch();
    try {
      const begin = { id, sequence, messageId, owner, unchangedForMs: UNCHANGED_FOR_MS };
      if (!(await conversations.beginSend(begin))) return true;
    } catch (error) {
      // Even if the write was committed: nothing was sent, and nothing will be sent under this id.
      unrecorded.set(messageId, { id, messageId, delivery: 'failed' });
      throw error;
    }
    // The answer may have come late, from a store or to a process that stood still.
    const delivery = goOn() && canSend(held) ? await transmit(held, chat, message) : 'failed';
    await endSend(conversations, { id, messageId, delivery });
    return true;
  }

  async function sendAll(conversations: ConversationStore, held: Held, waiting: ConversationRecord[]): Promise<void> {
    try {
      for (const found of waiting) if (!(await sendOne(conversations, held, found))) return;
    } catch (error) {
      logger.error({ code: 'send_failed', sessionId: held.id, err: error }, 'Messages of a session could not be sent');
    } finally {
      busy.delete(held.id);
    }
  }

  async function work(conversations: ConversationStore): Promise<void> {
    for (const end of [...unrecorded.values()]) await endSend(conversations, end);
    // Messages that cannot be sent now must not fill the page.
    const cannot = [...sessions.all()].filter((held) => busy.has(held.id) || !canSend(held) || !hasTurn(held.id));
    const exceptSessions = cannot.map((held) => held.id);
    const owner = lease.incarnation();
    const bySession = new Map<string, ConversationRecord[]>();
    for (const found of await conversations.outgoing({ owner, exceptSessions, limit: BATCH })) {
      bySession.set(found.sessionId, [...(bySession.get(found.sessionId) ?? []), found]);
    }
    // A session waits for its own acknowledgements, not for those of others.
    for (const [sessionId, waiting] of bySession) {
      const held = sessions.get(sessionId);
      if (held && !busy.has(sessionId)) busy.set(sessionId, sendAll(conversations, held, waiting));
    }
  }

  return {
    /** Takes up what waits to be sent, or to be recorded, unless that is under way; does not wait for it. */
    kick({ waiting }: { waiting: boolean }): void {
      const { conversations } = store;
      if (!conversations || observeOnly || !lease.trusted() || (!waiting && unrecorded.size === 0)) return;
      underWay ??= work(conversations)
        .catch((error: unknown) => {
          logger.error({ code: 'send_failed', err: error }, 'Messages could not be taken up; trying again later');
        })
        .finally(() => {
          underWay = null;
        });
    },
    /** Settles when nothing is being sent. */
    finished: async (): Promise<void> => {
      await underWay;
      await Promise.all(busy.values());
    },
  };
}

/**
 * After a connection opens, what was written meanwhile arrives within half a minute; until it is recorded, no
 * conversation counts as inactive.
 */
export const UNCHANGED_FOR_MS = 60_000;

/** Publishes what became of a conversation's message; one that was reopened meanwhile is not called closed. */
export function publishEnded(
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
