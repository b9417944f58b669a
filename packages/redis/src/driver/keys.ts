/**
 * The names of every key that a store uses: all of them start with one hash tag, so a cluster keeps them in one slot.
 */
export interface StoreKeys {
  /** Hash: layout of the keys, identity of the server, until when destructive jobs are held. */
  readonly meta: string;
  /** Hash of session rows by id. */
  readonly session: string;
  /** Sorted set of all session ids, in the order of their bytes. */
  readonly ids: string;
  /** Sorted set of owner and session id, in the order of their bytes: an owner's ids are one range of it. */
  readonly owned: string;
  /** Sorted set of the ids that stand ready to be claimed. */
  readonly claimable: string;
  /** Sorted set of the ids that are about to be deleted. */
  readonly marked: string;
  /** Hash of heartbeats by incarnation. */
  readonly replica: string;
  /** Hash: last slot and running run of each job, and the number of the last run. */
  readonly job: string;
  /** Hash of job runs by id. */
  readonly run: string;
  /** Sorted set of the run ids of a job, by number. */
  runsOf(job: string): string;
  /** Hash of conversations by id. */
  readonly conversation: string;
  /** Sorted set of open conversations, by the time at which they were last heard. */
  readonly open: string;
  /** Sorted set of the ids of conversations with a message to be sent. */
  readonly pending: string;
  /** Sorted set of the ids of conversations whose message is being sent. */
  readonly sending: string;
  /** Hash of the credentials of a session. */
  auth(sessionId: string): string;
  /**
   * Sorted set of the ids of rows that an earlier system left behind and nobody has held, by the time at which they
   * were added.
   */
  readonly unheld: string;
  /** Stream of what became of the rows: session id and JSON list. */
  readonly feed: string;
  /**
   * Sorted set of session id and place in the feed, in the order of their bytes: a session's entries are one range of
   * it.
   */
  readonly changed: string;
  /** Hash of requests between replicas, by id. */
  readonly request: string;
  /** Sorted set of owner, place and id of the requests that nobody has taken. */
  readonly waiting: string;
  /** Sorted set of session id and request id. */
  readonly asked: string;
  /** Sorted set of the ids of requests without an answer, by the time at which they are void. */
  readonly expiring: string;
  /** Sorted set of the ids of answered requests, by the time of the answer. */
  readonly answered: string;
  /** Hash: how far a process's writes to the credentials of a session have come, by session id. */
  readonly order: string;
  /** Channel that notifies a replica; messages are incarnations. No key, but named like one. */
  readonly channel: string;
  /** The answer of a call, for as long as the call may be sent again. */
  answer(callId: string): string;
  /** Hash of credentials of a session that were quarantined. */
  aside(sessionId: string): string;
}

/** Names the keys of a store. */
export function storeKeys(prefix: string): StoreKeys {
  const key = (name: string) => `{${prefix}}:${name}`;
  return {
    meta: key('meta'),
    session: key('session'),
    ids: key('ids'),
    owned: key('owned'),
    claimable: key('claimable'),
    marked: key('marked'),
    replica: key('replica'),
    job: key('job'),
    run: key('run'),
    conversation: key('conversation'),
    open: key('open'),
    pending: key('pending'),
    sending: key('sending'),
    unheld: key('unheld'),
    feed: key('feed'),
    changed: key('changed'),
    request: key('request'),
    waiting: key('waiting'),
    asked: key('asked'),
    expiring: key('expiring'),
    answered: key('answered'),
    order: key('order'),
    channel: key('wake'),
    runsOf: (job) => key(`runs:${job}`),
    answer: (callId) => key(`answer:${callId}`),
    auth: (sessionId) => key(`auth:${sessionId}`),
    aside: (sessionId) => key(`aside:${sessionId}`),
  };
}
