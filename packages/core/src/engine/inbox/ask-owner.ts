/**
 * Asks the replica that has a session, through its inbox in the store. Silence proves nothing: without an answer in
 * time the result is unknown.
 *
 * Owns: the questions that wait for an answer. Equal ones share one request; those of one moment are put in one
 * statement, and their answers are fetched in one.
 */

import type { StoredSession } from '../../domain/session.js';
import type { Config } from '../../options/config.js';
import type { InboxRequest, InboxRequestKind } from '../../ports/inbox-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Lease } from '../lease/lease.js';
import { createBatcher } from '../limits/batch-calls.js';
import { type OwnerAnswers, readOwnerAnswer } from './owner-answers.js';

/**
 * Questions beyond this limit are answered as unknown at once: each costs a row, and the owner works at its own pace.
 */
const MOST_WAITING = 1_000;
/** A store that cannot notify us is asked so many times in a tick. */
const POLLS_PER_TICK = 5;

/**
 * `nobody`: no owner whose lease stands, or a store without inboxes. `unknown`: one that did not say, or not in time.
 */
export type OwnerSaid<Kind extends InboxRequestKind> =
  | { readonly kind: 'answered'; readonly answer: OwnerAnswers[Kind] }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'unknown'; readonly why: string; readonly cause?: unknown };

interface Question {
  readonly request: InboxRequest;
  readonly said: Promise<OwnerSaid<InboxRequestKind>>;
  end(said: OwnerSaid<InboxRequestKind>): void;
}

export type AskOwner = ReturnType<typeof createAskOwner>;

export function createAskOwner(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'random' | 'lease' | 'probe' | 'observeOnly'>;
  store: WaSyncStore;
  lease: Lease;
}) {
  const { lease } = deps;
  const { inbox } = deps.store;
  const { clock, logger, random, probe, observeOnly } = deps.config;
  const { tickMs } = deps.config.lease;
  /** The owner learns of it with its next tick and asks its connection; one more tick is left for delays. */
  const waitMs = 2 * tickMs + probe.failures * probe.timeoutMs;
  const open = new Map<string, Question>();
  let cancelPoll: (() => void) | null = null;
  let fetching = false;
  let fetchAgain = false;
  let stopped = false;

  /** Says whether there is an owner to ask. A statement that hangs holds up nobody's question but its own. */
  const askTogether = createBatcher<InboxRequest, boolean>({
    next: 'beside',
    async run(requests) {
      const ids = new Set(await inbox?.ask({ asker: lease.incarnation(), requests, ttlMs: waitMs }));
      return requests.map(({ id }) => ids.has(id));
    },
  });

  const keyOf = ({ kind, sessionId }: Omit<InboxRequest, 'id'>) => `${kind} ${sessionId}`;

  function put(sessionId: string, kind: InboxRequestKind): Question {
    const request = { id: random.token(), sessionId, kind };
    let resolve: (said: OwnerSaid<InboxRequestKind>) => void = () => {};
    const said = new Promise<OwnerSaid<InboxRequestKind>>((done) => {
      resolve = done;
    });
    const cancel = clock.schedule(() => question.end({ kind: 'unknown', why: 'owner_silent' }), waitMs);
    const question: Question = {
      request,
      said,
      end(answer) {
        if (open.get(keyOf(request)) === question) open.delete(keyOf(request));
        cancel();
        resolve(answer);
      },
    };
    open.set(keyOf(request), question);
    void send(question);
    return question;
  }

  async function send(question: Question): Promise<void> {
    try {
      if (await askTogether(question.request)) poll();
      else question.end({ kind: 'nobody' });
    } catch (cause) {
      // The question may have been put anyway; then nobody reads the owner's answer.
      question.end({ kind: 'unknown', why: 'store_failed', cause });
    }
  }

  function poll(): void {
    if (cancelPoll || open.size === 0) return;
    cancelPoll = clock.schedule(() => {
      cancelPoll = null;
      void fetchAnswers().finally(poll);
    }, tickMs / POLLS_PER_TICK);
  }

  async function fetchAnswers(): Promise<void> {
    fetchAgain = true;
    if (fetching || !inbox) return;
    fetching = true;
    try {
      while (fetchAgain && open.size > 0) {
        fetchAgain = false;
        const byId = new Map([...open.values()].map((question) => [question.request.id, question]));
        for (const { id, body } of await inbox.collect({ ids: [...byId.keys()] })) {
          const question = byId.get(id);
          if (question) read(question, body);
        }
      }
    } catch (error) {
      logger.debug(
        { code: 'inbox_failed', err: error },
        'Answers of other replicas could not be fetched; trying again',
      );
    } finally {
      fetching = false;
    }
  }

  function read(question: Question, body: string): void {
    const { kind, sessionId } = question.request;
    const answer = readOwnerAnswer(kind, body);
    if (answer !== null) {
      question.end({ kind: 'answered', answer });
      return;
    }
    const fields = { code: 'inbox_answer_invalid', sessionId, kind };
    logger.error(fields, 'Another replica answered what makes no sense: two versions that do not know each other?');
    question.end({ kind: 'unknown', why: 'owner_answer_invalid' });
  }

  return {
    /** Whether another replica owns the row; whether that replica lives is for the store to say. */
    mayAsk: ({ owner }: Pick<StoredSession, 'owner'>): boolean => owner !== null && owner !== lease.incarnation(),
    /** Asks the owner of a session. Never rejects. */
    async ask<Kind extends InboxRequestKind>(sessionId: string, kind: Kind): Promise<OwnerSaid<Kind>> {
      // An observer writes nothing, a question included.
      if (!inbox || observeOnly) return { kind: 'nobody' };
      const same = open.get(keyOf({ sessionId, kind }));
      if (stopped || (!same && open.size >= MOST_WAITING)) return { kind: 'unknown', why: 'owner_silent' };
      const said = await (same ?? put(sessionId, kind)).said;
      // Each question holds only answers of its own kind.
      return said as OwnerSaid<Kind>;
    },
    /** An answer may be there. */
    check(): void {
      if (open.size > 0) void fetchAnswers();
    },
    /** Ends all waiting. */
    stop(): void {
      stopped = true;
      cancelPoll?.();
      for (const question of [...open.values()]) question.end({ kind: 'unknown', why: 'owner_silent' });
    },
  };
}
