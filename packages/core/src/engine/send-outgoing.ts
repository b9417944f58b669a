/**
 * Sends what the closing of conversations has decided, for the sessions that are held here. The send is recorded before it begins, under an id made of the
 * conversation and its closing number: a crash in between leaves `unknown`, and nothing is ever sent twice.
 */
import type { Config } from '../config.js';
import type { ConversationRecord, OutgoingMessage } from '../domain/conversation.js';
import type { WaSyncStore } from '../ports/store.js';
import { maskNumbers } from '../session-id.js';
import type { Events } from './emit-events.js';
import type { Held, HeldSessions } from './held-sessions.js';
import type { Lease } from './lease.js';
import { observe } from './observe.js';
import { waitAtMost } from './wait-at-most.js';

const BATCH = 200;
const ACK_LIMIT_MS = 20_000;
const GRACE_MS = 5_000;
const MINUTE_MS = 60_000;

export type SendOutgoing = ReturnType<typeof createSendOutgoing>;

export function createSendOutgoing(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'inactivity'>;
  store: WaSyncStore;
  held: HeldSessions;
  lease: Lease;
  events: Events;
}) {
  const { store, held: sessions, lease, events } = deps;
  const { clock, logger, inactivity } = deps.config;
  const sentAt = new Map<string, number[]>();
  let underWay: Promise<void> | null = null;

  function canSend(held: Held): boolean {
    const seen = observe(held);
    return (
      seen.kind === 'known' &&
      seen.status === 'CONNECTED' &&
      seen.health === 'healthy' &&
      lease.trusted() &&
      !lease.suspectsItself()
    );
  }

  /** Whether one more message a minute is allowed; takes the place where it is. */
  function takeTurn(sessionId: string): boolean {
    const nowMs = clock.monotonicMs();
    const recent = (sentAt.get(sessionId) ?? []).filter((at) => nowMs - at < MINUTE_MS);
    sentAt.set(sessionId, recent);
    if (recent.length >= inactivity.sendsPerMinute) return false;
    recent.push(nowMs);
    return true;
  }

  async function transmit(held: Held, chat: string, message: OutgoingMessage): Promise<'sent' | 'unknown' | 'failed'> {
    const { sendText } = held.connection;
    if (!sendText) return 'failed';
    try {
      const params = { chat, text: message.text, messageId: message.id, timeoutMs: ACK_LIMIT_MS };
      return (
        (await waitAtMost(clock, ACK_LIMIT_MS + GRACE_MS, () => sendText.call(held.connection, params))) ?? 'unknown'
      );
    } catch (error) {
      // It may have left before the error came.
      logger.warn({ code: 'send_failed', sessionId: held.id, error }, 'A message could not be sent for certain');
      return 'unknown';
    }
  }

  async function settle(
    conversation: ConversationRecord,
    message: OutgoingMessage,
    delivery: 'sent' | 'unknown' | 'failed',
  ): Promise<void> {
    const { id, sessionId } = conversation;
    const ended = await store.conversations?.endSend({ id, messageId: message.id, delivery });
    if (!ended) return;
    logger.info(
      { conversationId: id, sessionId, kind: message.kind, delivery },
      `Conversation ${maskNumbers(id)}: ${message.kind} ${delivery}`,
    );
    if (message.kind === 'farewell')
      events.emit('conversation:closed', { at: clock.now(), conversationId: id, sessionId, delivery });
  }

  async function sendOne(conversation: ConversationRecord): Promise<void> {
    const held = sessions.get(conversation.sessionId);
    const { outgoing: message, chat, id, sequence } = conversation;
    if (!held || !message || chat === null || held.tenure === null) return;
    // Begun by an owner that is gone, or by us before an error: it may have been sent, so it is not sent again.
    if (message.delivery === 'sending') return settle(conversation, message, 'unknown');
    if (!canSend(held) || !takeTurn(held.id)) return;
    const owner = lease.incarnation();
    if (!(await store.conversations?.beginSend({ id, sequence, messageId: message.id, owner }))) return;
    await settle(conversation, message, await transmit(held, chat, message));
  }

  async function work(): Promise<void> {
    const waiting = (await store.conversations?.outgoing({ owner: lease.incarnation(), limit: BATCH })) ?? [];
    const bySession = new Map<string, ConversationRecord[]>();
    for (const one of waiting) bySession.set(one.sessionId, [...(bySession.get(one.sessionId) ?? []), one]);
    // One number waits for its own acknowledgements, not for those of others.
    await Promise.all(
      [...bySession.values()].map(async (ofSession) => {
        for (const conversation of ofSession) await sendOne(conversation);
      }),
    );
  }

  return {
    /** Takes up what waits to be sent, unless that is under way; does not wait for it. */
    kick(): void {
      if (!store.conversations || !lease.trusted() || sessions.size() === 0) return;
      underWay ??= work()
        .catch((error: unknown) => {
          logger.error({ code: 'send_failed', error }, 'Messages could not be taken up; trying again later');
        })
        .finally(() => {
          underWay = null;
        });
    },
    idle: async (): Promise<void> => {
      await underWay;
    },
  };
}
