/**
 * Requests between the replicas of this process.
 *
 * Owns: every request with what became of it (waiting, taken, answered), and who wants to be woken.
 */
import type { Clock } from '../ports/clock.js';
import type { InboxRequest, InboxStore } from '../ports/inbox-store.js';
import type { LeaseBook } from './lease-book.js';
import type { SessionTable } from './session-table.js';

interface Entry {
  readonly request: InboxRequest;
  readonly asker: string;
  readonly owner: string;
  /** Monotonic time until which it is worth an answer. */
  readonly untilMs: number;
  taken: boolean;
  answer: { readonly body: string; readonly atMs: number } | null;
}

/** The inbox part of the memory store, with `waits`: whether something waits for an owner. */
export interface MemoryInbox extends InboxStore {
  waits(owner: string): boolean;
  /** A row is gone, and what was asked of it. */
  forget(sessionId: string): void;
}

/** An empty inbox. */
export function createMemoryInbox(params: { table: SessionTable; leases: LeaseBook; clock: Clock }): MemoryInbox {
  const { table, leases, clock } = params;
  const entries = new Map<string, Entry>();
  const listeners = new Map<string, Set<() => void>>();

  const isVoid = ({ answer, untilMs }: Entry): boolean => answer === null && clock.monotonicMs() > untilMs;

  function notify(incarnation: string): void {
    for (const call of listeners.get(incarnation) ?? []) call();
  }

  function put(asker: string, request: InboxRequest, ttlMs: number): boolean {
    if (entries.has(request.id)) return true;
    const owner = table.get(request.sessionId)?.owner ?? null;
    if (owner === null || leases.isOver(owner)) return false;
    const { id, sessionId, kind } = request;
    const untilMs = clock.monotonicMs() + ttlMs;
    entries.set(id, { request: { id, sessionId, kind }, asker, owner, untilMs, taken: false, answer: null });
    return true;
  }

  function* waiting(owner: string): Generator<Entry> {
    if (leases.isOver(owner)) return;
    for (const entry of entries.values()) {
      const { request, taken } = entry;
      if (entry.owner !== owner || taken || isVoid(entry)) continue;
      if (table.get(request.sessionId)?.owner === owner) yield entry;
    }
  }

  return {
    waits: (owner) => !waiting(owner).next().done,
    forget(sessionId) {
      for (const [id, { request }] of entries) if (request.sessionId === sessionId) entries.delete(id);
    },
    async ask({ asker, requests, ttlMs }) {
      const ids = requests.filter((request) => put(asker, request, ttlMs)).map(({ id }) => id);
      for (const owner of new Set(ids.map((id) => entries.get(id)!.owner))) notify(owner);
      return ids;
    },
    async take({ owner, limit }) {
      const taken: InboxRequest[] = [];
      for (const entry of waiting(owner)) {
        if (taken.length === limit) break;
        entry.taken = true;
        taken.push({ ...entry.request });
      }
      return taken;
    },
    async answer({ owner, answers }) {
      if (leases.isOver(owner)) return;
      const askers = new Set<string>();
      for (const { id, body } of answers) {
        const entry = entries.get(id);
        if (entry?.owner !== owner || !entry.taken || entry.answer !== null || isVoid(entry)) continue;
        entry.answer = { body, atMs: clock.monotonicMs() };
        askers.add(entry.asker);
      }
      for (const asker of askers) notify(asker);
    },
    async collect({ ids }) {
      const answers = [];
      for (const id of new Set(ids)) {
        const body = entries.get(id)?.answer?.body;
        if (body === undefined) continue;
        entries.delete(id);
        answers.push({ id, body });
      }
      return answers;
    },
    async prune({ keepMs, limit }) {
      let pruned = 0;
      for (const [id, entry] of entries) {
        if (pruned === limit) break;
        const old = entry.answer !== null && clock.monotonicMs() - entry.answer.atMs > keepMs;
        if (!old && !isVoid(entry)) continue;
        entries.delete(id);
        pruned += 1;
      }
      return pruned;
    },
    async listen({ incarnation, notify: call }) {
      const calls = listeners.get(incarnation) ?? new Set();
      listeners.set(incarnation, calls);
      // Its own object, so that the same function twice is two listeners.
      const own = () => call();
      calls.add(own);
      return () => {
        calls.delete(own);
        if (calls.size === 0) listeners.delete(incarnation);
      };
    },
  };
}
