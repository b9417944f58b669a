import type { InboxRequest, InboxRequestKind, InboxStore, WaSyncStore } from '@wa-sync/core';
import { token } from './arrange.js';

/** How long a request of these tests may wait: a third of a lease, so that the time goes by and the owner lives. */
export const REQUEST_TTL_MS = 10_000;

/** The part of a store that these tests are about. */
export function inboxOf(store: WaSyncStore): InboxStore {
  if (!store.inbox) throw new Error('This store has no inbox');
  return store.inbox;
}

/** A fresh request. */
export function request(sessionId: string, kind: InboxRequestKind = 'status'): InboxRequest {
  return { id: token('request'), sessionId, kind };
}

/** Puts requests and returns the ids that were put. */
export function ask(store: WaSyncStore, asker: string, ...requests: InboxRequest[]): Promise<string[]> {
  return inboxOf(store).ask({ asker, requests, ttlMs: REQUEST_TTL_MS });
}

/** What an owner is handed now. */
export function take(store: WaSyncStore, owner: string, limit = 1_000): Promise<InboxRequest[]> {
  return inboxOf(store).take({ owner, limit });
}

/** Puts one request and has its owner take it, or fails the test. */
export async function askAndTake(
  store: WaSyncStore,
  { asker, owner, sessionId }: { asker: string; owner: string; sessionId: string },
): Promise<InboxRequest> {
  const asked = request(sessionId);
  await ask(store, asker, asked);
  const [taken] = await take(store, owner);
  if (taken?.id !== asked.id) throw new Error('The owner was expected to take the request');
  return taken;
}
