import type { WaSyncStore } from '@wa-sync/core';
import { holdSessions } from '@wa-sync/dev/fixtures/hold-sessions';
import { beatOf } from '@wa-sync/testing/conformance';
import { expect } from 'vitest';

const EXPECTED = { status: 'CONNECTED', health: 'healthy', reason: null } as const;

/**
 * Calls every part of a store, so that each kind of key is there afterwards; returns the ids of the sessions that it
 * made.
 */
export async function useEveryPart(
  store: Required<Omit<WaSyncStore, 'hostSessions'>>,
  owner: string,
): Promise<string[]> {
  const strange = ['{hash}:tag', '}{', 'ação', 'a'];
  await store.sessions.create({ sessions: [...strange, 'old'].map((id) => ({ id, desired: 'running' as const })) });
  await store.sessions.create({ sessions: [{ id: 'imported', desired: 'stopped', status: 'CONNECTED' }] });
  const entries = [{ type: 'creds', id: 'creds', value: Uint8Array.of(1) }];
  for (const sessionId of [...strange, 'old']) await store.auth.write({ sessionId, tenure: null, entries });
  await store.auth.quarantine({ sessionId: '{hash}:tag', reason: 'x' });
  await holdSessions(store, owner, ['held']);
  const at = new Date();
  await store.conversations.record({
    messages: [{ conversationId: '{c}', sessionId: 'held', from: 'contact', at, chat: 'x' }],
  });
  const outgoing = { id: 'm', kind: 'farewell' as const, text: 'Bye' };
  await store.conversations.move({ moves: [{ id: '{c}', sequence: 1, to: 'CLOSING', outgoing }], unchangedForMs: 0 });
  const requests = ['r1', 'r2', 'r3'].map((id) => ({ id, sessionId: 'held', kind: 'sync' as const }));
  const asked = await store.inbox.ask({ asker: owner, requests, ttlMs: 60_000 });
  expect([...asked].sort()).toEqual(['r1', 'r2', 'r3']);
  const beat = await store.leases.beat(beatOf(owner));
  expect(beat).toMatchObject({ outgoing: true, inbox: true });
  const taken = await store.inbox.take({ owner, limit: 2 });
  expect(taken).toHaveLength(2);
  await store.inbox.answer({ owner, answers: [{ id: taken[0]?.id ?? '', body: '{}' }] });
  await store.jobs.lastSlot({ job: 'cleanup' });
  await store.jobs.begin({ runId: 'r', job: 'inactivity', slot: null, owner });
  await store.cleanup.deactivate({ ids: ['old'], inactiveForMs: -1, restedForMs: 0 });
  await store.cleanup.markForPurge({ ids: ['old'], inactiveForMs: -1, restedForMs: 0 });
  await store.jobs.list({ limit: 10 });
  await store.sessions.sweep({ owner, expected: EXPECTED, otherIds: [] });
  await store.leases.freeFenced({ limit: 10 });
  const { next } = await store.history.since({ after: null, limit: 1 });
  expect(await store.history.since({ after: next, limit: 1 })).toMatchObject({ transitions: [], missed: false });
  expect(await store.history.ofSession({ sessionId: 'held', limit: 10 })).toHaveLength(1);
  return [...strange, 'old', 'held', 'imported'];
}
