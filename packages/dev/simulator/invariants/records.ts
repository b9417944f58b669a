import type { InboxAnswer, InboxRequest, SessionStatus, StoredSession, Transition } from '@wa-sync/core';
import type { EntryOf } from '../history.js';
import { changesOf, type Invariant, mayFollow, settingsOf } from './invariant.js';

/** The entry that a change of a row has to have, `null` where it changes nothing of what is kept. */
function entryOf(before: StoredSession, after: StoredSession): Omit<Transition, 'id' | 'at'> | null {
  const same =
    before.status === after.status &&
    before.health === after.health &&
    before.evidence === after.evidence &&
    before.reason?.code === after.reason?.code;
  if (same) return null;
  const { id: sessionId, status: to, evidence, health, reason } = after;
  const owner = evidence === 'observed' ? (after.owner ?? before.owner) : null;
  return { sessionId, from: before.status, to, evidence, health, reason, owner };
}

const wordsOf = ({ sessionId, from, to, evidence, health, reason, owner }: Omit<Transition, 'id' | 'at'>): string =>
  JSON.stringify([sessionId, from, to, evidence, health, reason?.code ?? null, owner]);

export const S17: Invariant = {
  name: 'S17',
  promise: 'the history has each change of a row exactly once, in order',
  check(history, bench) {
    const { rollbacks } = settingsOf(history);
    if (rollbacks) return;
    const expected = new Map<string, string[]>();
    for (const entry of history) {
      if (entry.what === 'transitions') compare(entry);
      for (const { before, after } of changesOf(entry)) {
        if (before && !after) expected.delete(before.id);
        const change = before && after ? entryOf(before, after) : null;
        if (!change) continue;
        const own = expected.get(change.sessionId) ?? [];
        own.push(wordsOf(change));
        expected.set(change.sessionId, own);
      }
    }

    function compare({ t, all }: EntryOf<'transitions'>): void {
      const kept = new Map<string, string[]>();
      for (const transition of all) {
        const own = kept.get(transition.sessionId) ?? [];
        own.push(wordsOf(transition));
        kept.set(transition.sessionId, own);
      }
      for (const id of new Set([...expected.keys(), ...kept.keys()])) {
        const [wanted, found] = [expected.get(id) ?? [], kept.get(id) ?? []];
        bench.tested(wanted.length);
        const wrong = wanted.findIndex((words, index) => words !== found[index]);
        if (wrong !== -1) bench.broken(t, `${id} has ${found[wrong]} in its history instead of ${wanted[wrong]}`);
        else if (found.length > wanted.length) bench.broken(t, `${id} has ${found[wanted.length]} too much`);
      }
    }
  },
};

interface Taken {
  readonly request: InboxRequest;
  readonly actor: string;
  /** What the connection of whoever took it said since. */
  readonly words: Set<SessionStatus>;
}

const keyOf = ({ actor, session }: { actor: string; session: string }): string => `${actor} ${session}`;

/** What an owner says of a session in an answer, `null` where that is nothing. */
function statusIn({ kind }: InboxRequest, body: string): SessionStatus | null {
  const said = JSON.parse(body) as { status?: SessionStatus; synced?: { actual: SessionStatus | null } };
  return (kind === 'status' ? said.status : said.synced?.actual) ?? null;
}

export const S18: Invariant = {
  name: 'S18',
  promise: 'an answer to another replica is what the owner’s connection says, and no request is handled twice',
  check(history, bench) {
    const { rollbacks } = settingsOf(history);
    /**
     * What the connection of a process may say: its last word, and of one that may be new nothing is known but how
     * each begins.
     */
    const words = new Map<string, readonly SessionStatus[]>();
    const taken = new Map<string, Taken>();
    const answered = new Map<string, string>();
    const logOuts = new Map<string, number>();
    for (const entry of history) {
      if (entry.what === 'client') {
        const status = entry.status as SessionStatus;
        // A line that was closed says so, also after another has taken its place.
        const fresh = status === 'DISCONNECTED' && words.get(keyOf(entry))?.includes('CONNECTING');
        say(entry, fresh ? [status, 'CONNECTING'] : [status]);
      }
      if (entry.what === 'connection-closed' || entry.what === 'provider-open')
        say(entry, [...(words.get(keyOf(entry)) ?? []), 'CONNECTING']);
      if (entry.what === 'commit' && entry.method === 'take' && entry.result !== 'refused') {
        for (const request of entry.result as readonly InboxRequest[]) {
          if (taken.has(request.id) && !rollbacks)
            bench.broken(entry.t, `the request ${request.id} was handed out twice`);
          const said = words.get(keyOf({ actor: entry.actor, session: request.sessionId })) ?? ['CONNECTING'];
          taken.set(request.id, { request, actor: entry.actor, words: new Set(said) });
        }
      }
      if (entry.what === 'call' && entry.method === 'answer') answer(entry);
      if (entry.what === 'asks' && entry.kind === 'logout')
        logOuts.set(entry.session, (logOuts.get(entry.session) ?? 0) + 1);
    }
    for (const entry of history) {
      if (entry.what !== 'log-out') continue;
      bench.tested();
      const left = (logOuts.get(entry.session) ?? 0) - 1;
      logOuts.set(entry.session, left);
      if (left < 0 && !rollbacks) bench.broken(entry.t, `${entry.session} was logged out more often than asked for`);
    }

    function say({ actor, session }: { actor: string; session: string }, said: readonly SessionStatus[]): void {
      words.set(keyOf({ actor, session }), said);
      for (const one of taken.values()) {
        if (one.actor === actor && one.request.sessionId === session) for (const word of said) one.words.add(word);
      }
    }

    function answer({ t, actor, params }: EntryOf<'call'>): void {
      for (const { id, body } of (params as { answers: readonly InboxAnswer[] }).answers) {
        const one = taken.get(id);
        bench.tested();
        if (one?.actor !== actor) {
          bench.broken(t, `${actor} answered the request ${id}, which it did not take`);
          continue;
        }
        if ((answered.get(id) ?? body) !== body && !rollbacks)
          bench.broken(t, `the request ${id} was answered in two ways`);
        answered.set(id, body);
        const said = statusIn(one.request, body);
        if (said === null || [...one.words].some((word) => mayFollow(said, word))) continue;
        const { kind, sessionId } = one.request;
        bench.broken(
          t,
          `${actor} answered ${kind} of ${sessionId} with ${said}, its connection said ${[...one.words]}`,
        );
      }
    }
  },
};
