import type { InboxAnswer, InboxRequest, InboxRequestKind, InboxStore } from '@wa-sync/core';
import type { Listen } from '@wa-sync/core/adapter';
import type { StoreKeys } from '../driver/keys.js';
import type { StoreCalls } from '../driver/run-script.js';
import { answerScript, askScript, collectScript, pruneRequestsScript, takeScript } from '../scripts/inbox-scripts.js';
import { sessionKeys } from '../scripts/script-parts.js';
import { toJson } from '../scripts/session-row.js';

/** Requests of one call; a few milliseconds. */
const SLICE = 1_000;

/**
 * The part of the store for requests between replicas; `listen` where the client can have a connection that listens.
 */
export function createInbox(params: { calls: StoreCalls; keys: StoreKeys; listen: Listen | null }): InboxStore {
  const { calls, keys, listen } = params;
  const names = sessionKeys(keys);

  async function inSlices<Item, Answer>(items: readonly Item[], work: (some: readonly Item[]) => Promise<Answer[]>) {
    const done: Answer[] = [];
    for (let from = 0; from < items.length; from += SLICE) done.push(...(await work(items.slice(from, from + SLICE))));
    return done;
  }

  return {
    ask: ({ asker, requests, ttlMs }) =>
      inSlices(requests, async (some) => {
        const asked = toJson(some.map(({ id, sessionId, kind }) => [id, sessionId, kind]));
        const args = [keys.channel, asker, String(ttlMs), asked];
        return (await calls.list(askScript, { keys: names, args })).map(String);
      }),
    async take({ owner, limit }) {
      const args = [owner, String(Math.min(limit, SLICE))];
      const flat = (await calls.list(takeScript, { keys: names, args })).map(String);
      const taken: InboxRequest[] = [];
      for (let at = 0; at < flat.length; at += 3) {
        taken.push({ id: flat[at]!, sessionId: flat[at + 1]!, kind: flat[at + 2] as InboxRequestKind });
      }
      return taken;
    },
    async answer({ owner, answers }) {
      await inSlices(answers, async (some) => {
        const args = [keys.channel, owner, toJson(some.map(({ id, body }) => [id, body]))];
        await calls.run(answerScript, { keys: names, args });
        return [];
      });
    },
    collect: ({ ids }) =>
      inSlices([...new Set(ids)], async (some) => {
        const flat = (await calls.list(collectScript, { keys: names, args: some })).map(String);
        const found: InboxAnswer[] = [];
        for (let at = 0; at < flat.length; at += 2) found.push({ id: flat[at]!, body: flat[at + 1]! });
        return found;
      }),
    async prune({ keepMs, limit }) {
      for (let pruned = 0; ; ) {
        const slice = Math.min(SLICE, limit - pruned);
        const args = [String(keepMs), String(slice)];
        const count = Number(await calls.run(pruneRequestsScript, { keys: names, args }));
        pruned += count;
        if (count < slice || pruned >= limit) return pruned;
      }
    },
    ...(listen === null ? {} : { listen }),
  };
}
