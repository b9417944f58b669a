import { randomUUID } from 'node:crypto';
import {
  type ClaimOutcome,
  type Logger,
  type SessionStatus,
  type SessionStore,
  type StoredSession,
  sessionIdHash,
  type UnheldSession,
  WaSyncError,
} from '@wa-sync/core';
import type { StoreKeys } from '../driver/keys.js';
import type { Script, StoreCalls } from '../driver/run-script.js';
import {
  claimableScript,
  claimScript,
  releaseScript,
  removeScript,
  setDesiredScript,
} from '../scripts/ownership-scripts.js';
import { sessionKeys } from '../scripts/script-parts.js';
import { listOf, type RowAnswer, readPairs, readRowAnswer, readSession, toJson } from '../scripts/session-row.js';
import {
  closeUnheldScript,
  createScript,
  getScript,
  listScript,
  sweepScript,
  writeScript,
} from '../scripts/session-scripts.js';

/** The most rows of one call: a server does nothing else while a script runs. */
const MOST_ROWS = 1_000;
/** Rows that a sweep compares in one call; a few milliseconds. */
const SWEEP_ROWS = 5_000;

type Refusal = Extract<ClaimOutcome, { claimed: false }>['why'];

/** The session part of the store. */
export function createSessions(params: {
  calls: StoreCalls;
  /** Run what writes rows that somebody holds, or is to hold. */
  ownCalls: StoreCalls;
  keys: StoreKeys;
  logger: Logger;
}): SessionStore {
  const { calls, ownCalls, keys, logger } = params;
  const names = sessionKeys(keys);
  // Desired states set by this store in their order, by which the server knows one that comes late.
  const writer = randomUUID();
  let lastCallNo = 0;

  async function rows(script: Script, args: readonly string[], over = calls): Promise<RowAnswer> {
    const { answer, nowMs } = await over.timed(script, { keys: names, args });
    return readRowAnswer(answer, nowMs);
  }

  async function inBatches<Item, Answer>(
    items: readonly Item[],
    work: (some: readonly Item[]) => Promise<readonly Answer[]>,
  ): Promise<Answer[]> {
    const done: Answer[] = [];
    for (let from = 0; from < items.length; from += MOST_ROWS) {
      done.push(...(await work(items.slice(from, from + MOST_ROWS))));
    }
    return done;
  }

  const read = (answer: RowAnswer): StoredSession[] =>
    readPairs(answer, (error) => logger.error({ code: 'row_damaged', err: error }, 'A session row cannot be read'));

  async function get(ids: readonly string[]): Promise<StoredSession[]> {
    return inBatches([...new Set(ids)], async (some) => read(await rows(getScript, some)));
  }

  return {
    create: ({ sessions }) =>
      inBatches(sessions, async (some) => {
        const added = some.map(({ id, desired, phone, status, lastSeenAt }) => [
          id,
          sessionIdHash(id),
          desired,
          phone ?? null,
          status ?? 'DISCONNECTED',
          lastSeenAt?.getTime() ?? null,
        ]);
        const own = [...names, ...some.flatMap(({ id }) => [keys.auth(id), keys.aside(id)])];
        return (await calls.list(createScript, { keys: own, args: [toJson(added)] })).map(String);
      }),
    get: ({ ids }) => get(ids),
    async list({ after, limit, owner }) {
      const optional = (value: string | undefined) => toJson(value === undefined ? [] : [value]);
      const found: StoredSession[] = [];
      for (let from = after; ; ) {
        const left = limit - found.length;
        const answer = await rows(listScript, [String(left), optional(from), optional(owner)]);
        const [last, count] = answer.texts.slice(-2);
        const page = { ...answer, texts: answer.texts.slice(0, -2) };
        found.push(...read(page));
        // A short page means the end to the caller, so rows that could not be read are replaced by later ones.
        if (found.length === limit || Number(count) < left) return found;
        from = last;
      }
    },
    async sweep({ owner, expected, otherIds }) {
      const judged = toJson([expected.status, expected.health, expected.reason?.code ?? null]);
      const asked = toJson([...new Set(otherIds)]);
      const exceptions: StoredSession[] = [];
      let [count, idHashSum] = [0, 0];
      for (let from = ''; ; ) {
        const args = [owner, judged, from, String(SWEEP_ROWS), asked];
        const { answer, nowMs } = await calls.timed(sweepScript, { keys: names, args });
        const [last, some, sum, found] = listOf(answer);
        count += Number(some);
        idHashSum += Number(sum);
        exceptions.push(...read(readRowAnswer(found, nowMs)));
        from = String(last);
        if (from === '') return { exceptions, count, idHashSum };
      }
    },
    write: ({ owner, writes }) =>
      inBatches(writes, async (some) => {
        const wanted = some.map(({ id, tenure, version, writeId, set }) => [
          id,
          tenure,
          version,
          writeId,
          set && [
            set.status,
            set.health,
            set.reason?.code ?? null,
            set.reason?.detail ?? null,
            set.reconnectAttempt,
            set.phone,
            set.qr,
            set.seenAgoMs,
          ],
        ]);
        const answer = await rows(writeScript, [owner, toJson(wanted)], ownCalls);
        return some.map(({ id }, index) => {
          const text = answer.texts[index] ?? '';
          return text === '' ? { id, applied: false } : { id, applied: true, session: readSession(id, text, answer) };
        });
      }),
    claim: ({ owner, claims, deadline }) =>
      inBatches(claims, async (some) => {
        const wanted = some.map(({ id, tenure, mode }) => [id, tenure, mode]);
        const answer = await rows(claimScript, [owner, toJson(wanted), String(deadline?.getTime() ?? '')], ownCalls);
        return some.map(({ id }, index): ClaimOutcome => {
          const text = answer.texts[index];
          if (text === undefined) throw new WaSyncError('store_failed', 'Redis left out the outcome of a claim');
          if (text.startsWith('-')) return { id, claimed: false, why: text.slice(1) as Refusal };
          return { id, claimed: true, session: readSession(id, text, answer) };
        });
      }),
    async claimable({ limit, after = '' }) {
      const page = await calls.list(claimableScript, { keys: names, args: [String(limit), after] });
      const [ids = [], living = []] = page.map((list) => listOf(list).map(String));
      return { ids, next: ids.length < limit ? null : ids.at(-1)!, living };
    },
    async release({ owner, sessions, unobservedIds, reason }) {
      const given = toJson([reason.code, reason.detail ?? null]);
      const args = (...last: string[]) => [owner, given, toJson(unobservedIds), String(MOST_ROWS), ...last];
      const run = async (...last: string[]) => {
        const [readCount, released] = await ownCalls.list(releaseScript, { keys: names, args: args(...last) });
        return { readCount: Number(readCount), released: listOf(released).map(String) };
      };
      if (sessions !== undefined) {
        const named = sessions.map(({ id, tenure }) => [id, tenure]);
        return inBatches(named, async (some) => (await run(toJson(some))).released);
      }
      const all: string[] = [];
      for (;;) {
        const { readCount, released } = await run();
        all.push(...released);
        if (readCount < MOST_ROWS) return all;
      }
    },
    async setDesired({ id, desired }) {
      lastCallNo += 1;
      return read(await rows(setDesiredScript, [id, desired, writer, String(lastCallNo)]))[0] ?? null;
    },
    async closeUnheld({ graceMs, limit }) {
      const closed: UnheldSession[] = [];
      for (;;) {
        const slice = Math.min(MOST_ROWS, limit - closed.length);
        const args = [String(graceMs), String(slice)];
        const [readCount, found] = await ownCalls.list(closeUnheldScript, { keys: names, args });
        const flat = listOf(found).map(String);
        for (let at = 0; at < flat.length; at += 2) {
          closed.push({ id: flat[at]!, from: flat[at + 1] as SessionStatus });
        }
        if (Number(readCount) < slice || closed.length >= limit) return closed;
      }
    },
    async remove({ id }) {
      const own = [...names, keys.auth(id), keys.aside(id)];
      return Number(await calls.run(removeScript, { keys: own, args: [id] })) === 1;
    },
  };
}
