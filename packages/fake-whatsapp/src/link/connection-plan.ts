import type { BinaryNode } from '../wire/binary-node.js';

/**
 * Which iqs of the client stay without an answer: all, all but `w:p` pings, those of the given namespaces
 * (`['encrypt', 'usync']`), or those for which a function says true.
 */
export type IqFilter = 'all' | 'all-but-pings' | readonly string[] | ((iq: BinaryNode) => boolean);

/** A `<failure>` in place of `<success>`. */
export type LoginFailure = {
  /** 401 logged out, 402 temporary ban, 403 banned, 405 client too old, 500, 503 … */
  reason: number;
  /** Further attributes, for example `{ expire: '3600' }`; the client gets them as `error.data`. */
  attrs?: Record<string, string>;
};

/** What goes wrong with a connection that does not exist yet. Everything left out goes well. */
export type ConnectionPlan = {
  /** Answers the HTTP upgrade with this status (403, 503 …) and `Connection: close`. */
  refuseUpgrade?: number;
  /**
   * Says nothing any more, TCP up and reads paused, after: `tcp` accepted, WebSocket `upgrade` answered, Noise
   * `handshake` answered (no success, no failure), or `success` sent.
   */
  silentAfter?: 'tcp' | 'upgrade' | 'handshake' | 'success';
  /** Lets that silence answer the WebSocket close all the same. Default: false. */
  answerClose?: boolean;
  /** Resets TCP at that point. */
  resetAfter?: 'tcp' | 'upgrade' | 'handshake' | 'success';
  /** Refuses the login with a `<failure>`. */
  failure?: LoginFailure;
  /** Iqs that are read and never answered. */
  unansweredIqs?: IqFilter;
  /** Holds back each frame to the client for so many milliseconds, order kept. */
  replyDelayMs?: number;
};

export function isUnanswered(filter: IqFilter | undefined, iq: BinaryNode): boolean {
  if (filter === undefined) return false;
  if (filter === 'all') return true;
  if (filter === 'all-but-pings') return iq.attrs.xmlns !== 'w:p';
  if (typeof filter === 'function') return filter(iq);
  return filter.includes(iq.attrs.xmlns ?? '');
}

/** Plans for the next connections, taken first in, first out. */
export type PlanQueue = {
  add(plan: ConnectionPlan, times: number): void;
  /** The plan of the connection that begins now: the next in the queue, over the standing defaults. */
  take(): ConnectionPlan;
  clear(): void;
};

export function createPlanQueue(defaults: ConnectionPlan = {}): PlanQueue {
  const queue: { plan: ConnectionPlan; times: number }[] = [];
  return {
    add(plan, times) {
      if (times > 0) queue.push({ plan, times });
    },
    take() {
      const next = queue[0];
      if (!next) return defaults;
      next.times -= 1;
      if (next.times <= 0) queue.shift();
      return { ...defaults, ...next.plan };
    },
    clear() {
      queue.length = 0;
    },
  };
}
