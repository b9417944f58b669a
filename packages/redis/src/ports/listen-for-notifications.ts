import type { Logger } from '@wa-sync/core';
import { keepListening, type Listen, type ListenEnding, type ListenOnce } from '@wa-sync/core/adapter';
import type { Subscribe } from '../driver/subscribe.js';

/** Notifications by pub/sub, on a connection of their own. */
export function listenForNotifications(params: {
  subscribe: Subscribe;
  channel: string;
  logger: Logger;
  /** Milliseconds between two questions whether the link still lives. @defaultValue 15,000 */
  askEveryMs?: number | undefined;
  /** Milliseconds after which a question counts as unanswered. @defaultValue 5,000 */
  answerWithinMs?: number | undefined;
}): {
  readonly listen: Listen;
  stop(): void;
} {
  const { subscribe, channel, logger, askEveryMs = 15_000, answerWithinMs = 5_000 } = params;

  async function once({ signal, listening, heard }: ListenOnce): Promise<ListenEnding> {
    const { hearing, ended, ping, close } = subscribe({ channel, heard });
    const timers: NodeJS.Timeout[] = [];
    const stopped = new Promise<ListenEnding>((resolve) => {
      signal.addEventListener('abort', () => resolve('stopped'), { once: true });
      if (signal.aborted) resolve('stopped');
    });
    const lost = new Promise<ListenEnding>((resolve, reject) => {
      const lose = (cause?: unknown) => (cause instanceof Error ? reject(cause) : resolve('lost'));
      const within = (work: Promise<unknown>) => {
        const timer = setTimeout(
          () => lose(new Error(`No answer within ${answerWithinMs} ms`)),
          answerWithinMs,
        ).unref();
        timers.push(timer);
        work.catch(lose).finally(() => clearTimeout(timer));
      };
      ended.then(() => lose(), lose);
      within(hearing.then(listening));
      if (ping !== undefined) timers.push(setInterval(() => within(ping()), askEveryMs).unref());
    });
    try {
      return await Promise.race([stopped, lost]);
    } finally {
      for (const timer of timers) clearTimeout(timer);
      close();
    }
  }

  // A client that can be duplicated can listen; a server that refuses is asked again.
  return keepListening({
    once,
    impossible: () => {},
    lost: (err) =>
      logger.warn({ code: 'listen_lost', err }, 'Listening for notifications failed: requests wait for the next tick'),
  });
}
