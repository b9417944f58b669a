/**
 * Records what connections hear. While the store does not answer, messages wait here in the order in which they came,
 * and are tried again.
 *
 * Owns: the messages that are not recorded yet, and the one loop that records them.
 */

import { isWaSyncError } from '../../domain/errors.js';
import type { Config } from '../../options/config.js';
import type { WhatsAppConnection } from '../../ports/connection.js';
import type { RecordedMessage } from '../../ports/conversation-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { HostCalls } from '../limits/host-calls.js';
import type { RecordMessages } from './record-messages.js';

const BATCH = 1_000;
const MOST_WAITING = 20_000;
const FIRST_PAUSE_MS = 500;
/** Longer than the host may take to name the conversation of a message. */
const DELIVERED_LIMIT_MS = 15_000;
const LONGEST_PAUSE_MS = 15_000;

export type FollowMessages = ReturnType<typeof createFollowMessages>;

export function createFollowMessages(deps: {
  config: Pick<Config, 'clock' | 'logger'>;
  store: WaSyncStore;
  recorder: RecordMessages;
  host: HostCalls;
}) {
  const { store, recorder, host } = deps;
  const { clock, logger } = deps.config;
  const waiting: RecordedMessage[] = [];
  let dropped = 0;
  let batchSize = BATCH;
  let failures = 0;
  let working: Promise<void> | null = null;
  let stopped = false;
  let endPause = () => {};

  function accept(messages: readonly RecordedMessage[]): void {
    if (stopped) return;
    waiting.push(...messages);
    const tooMany = waiting.length - MOST_WAITING;
    if (tooMany > 0) {
      waiting.splice(0, tooMany);
      if (dropped === 0) {
        const fields = { code: 'messages_dropped', waiting: MOST_WAITING };
        logger.error(fields, 'The store takes no messages and too many wait: the oldest are dropped');
      }
      dropped += tooMany;
    }
    working ??= work();
  }

  async function work(): Promise<void> {
    await Promise.resolve();
    while (waiting.length > 0 && !stopped) {
      const batch = waiting.splice(0, batchSize);
      const left = await recordAll(batch);
      if (left.length === 0) {
        batchSize = Math.min(BATCH, batchSize * 2);
        failures = 0;
        continue;
      }
      waiting.unshift(...left);
      // One message that the store cannot take must not hold up the others for ever: it is found by halving.
      batchSize = Math.max(1, Math.floor(batchSize / 2));
      await pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures));
      failures += 1;
    }
    // In the same turn as the last read of the queue: a message that came in between would wait for ever.
    working = null;
    if (dropped > 0 && waiting.length === 0) {
      logger.error({ code: 'messages_dropped', dropped }, 'Messages were dropped while the store took none');
      dropped = 0;
    }
  }

  /** Returns those that have to be tried again. */
  async function recordAll(batch: readonly RecordedMessage[]): Promise<RecordedMessage[]> {
    const outcomes = await Promise.allSettled(batch.map((message) => recorder.record(message)));
    const left: RecordedMessage[] = [];
    let firstError: unknown;
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') continue;
      const message = batch[index]!;
      if (isFinal(outcome.reason, batch.length)) {
        const { conversationId, sessionId } = message;
        const fields = { code: 'message_refused', conversationId, sessionId, err: outcome.reason };
        logger.error(fields, 'A message cannot be recorded');
      } else {
        firstError ??= outcome.reason;
        left.push(message);
      }
    }
    if (left.length > 0 && failures === 0) {
      logger.error(
        { code: 'messages_wait', waiting: waiting.length + left.length, err: firstError },
        'Messages could not be recorded; trying again',
      );
    }
    return left;
  }

  function pause(ms: number): Promise<void> {
    if (stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = clock.schedule(resolve, ms);
      endPause = () => {
        cancel();
        resolve();
      };
    });
  }

  return {
    /** Records what a connection hears, until it is closed. */
    follow(connection: WhatsAppConnection): void {
      if (!store.conversations) return;
      const { sessionId } = connection;
      host.notify(
        {
          name: 'connection.onMessages',
          code: 'connection_failed',
          text: 'A connection does not report messages: they are not recorded',
          fields: { sessionId },
        },
        () => connection.onMessages?.(async (messages) => accept(messages)),
      );
    },
    /**
     * Settles when everything that this connection heard until now is recorded, or was refused; `false` where it does
     * not say what it heard.
     */
    async recorded(connection: WhatsAppConnection): Promise<boolean> {
      const asked = {
        name: 'connection.messagesDelivered',
        code: 'connection_failed',
        text: 'A connection does not say which messages it has: nothing is sent for its session',
        fields: { sessionId: connection.sessionId },
      };
      const delivered = await host.ask(asked, DELIVERED_LIMIT_MS, () => connection.messagesDelivered?.());
      await working;
      await recorder.flushed();
      return delivered !== null;
    },
    /** Settles when nothing waits. */
    finished: async (): Promise<void> => {
      await working;
    },
    /** Gives up what the store did not take. */
    stop(): void {
      stopped = true;
      endPause();
      if (waiting.length > 0) {
        const fields = { code: 'messages_lost', waiting: waiting.length };
        logger.error(fields, 'Messages were not recorded before the end');
      }
    },
  };
}

/** Of a whole batch the store's error may be about one message only. */
function isFinal(error: unknown, batchSize: number): boolean {
  if (!isWaSyncError(error) || error.retryable) return false;
  return error.code === 'message_invalid' || error.code === 'not_supported' || batchSize === 1;
}
