import { WaSyncError } from '../../domain/errors.js';
import type { Clock } from '../../ports/clock.js';
import type { WaSyncStore } from '../../ports/store.js';
import { markUnderWay } from './under-way.js';

/**
 * How long the engine waits for one answer: below a third of the lease, because a beat that hangs must leave time for
 * another one. Milliseconds.
 */
export function callLimitMs({ ttlMs }: { readonly ttlMs: number }): number {
  return Math.max(100, Math.floor(ttlMs / 3));
}

/**
 * The store as the engine meets it. Every call but those of credentials has a time limit, so that one answer that
 * never comes cannot stop the engine. What is committed after all comes under a guard: a late write misses its
 * version, a late claim its deadline. And what an answer names twice is met once, so that a session is not gained,
 * opened or reported twice.
 */
export function limitStore(store: WaSyncStore, clock: Clock, limitMs: number): WaSyncStore {
  return {
    ...store,
    sessions: limitCalls(store.sessions, clock, limitMs),
    leases: limitCalls(store.leases, clock, limitMs),
    jobs: store.jobs && limitCalls(store.jobs, clock, limitMs),
    cleanup: store.cleanup && limitCalls(store.cleanup, clock, limitMs),
    conversations: store.conversations && limitCalls(store.conversations, clock, limitMs),
    history: store.history && limitCalls(store.history, clock, limitMs),
    inbox: store.inbox && limitCalls(store.inbox, clock, limitMs),
    hostSessions: store.hostSessions && limitCalls(store.hostSessions, clock, limitMs),
  };
}

function limitCalls<Port extends object>(port: Port, clock: Clock, limitMs: number): Port {
  return new Proxy(port, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) =>
        new Promise((resolve, reject) => {
          const running = (async () => onceEach(await method.apply(target, args)))();
          const cancel = clock.schedule(() => {
            const text = `The store did not answer ${String(name)} within ${limitMs} ms`;
            reject(markUnderWay(new WaSyncError('store_timeout', text, { retryable: true }), running));
          }, limitMs);
          running.then(resolve, reject).finally(cancel);
        });
    },
  });
}

/** An answer whose lists, itself or those within it, name each thing once. */
function onceEach(answer: unknown): unknown {
  if (Array.isArray(answer)) return unique(answer);
  if (typeof answer !== 'object' || answer === null || Object.getPrototypeOf(answer) !== Object.prototype)
    return answer;
  const lists = Object.entries(answer).filter(([, value]) => Array.isArray(value));
  if (lists.length === 0) return answer;
  return { ...answer, ...Object.fromEntries(lists.map(([key, list]) => [key, unique(list as unknown[])])) };
}

function unique(list: readonly unknown[]): readonly unknown[] {
  const seen = new Set<unknown>();
  const kept = list.filter((item) => {
    const name = nameOf(item);
    if (name === undefined) return true;
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
  return kept.length === list.length ? list : kept;
}

function nameOf(item: unknown): unknown {
  if (typeof item !== 'object' || item === null) return item;
  const { id, incarnation, conversation } = item as {
    id?: unknown;
    incarnation?: unknown;
    conversation?: { id?: unknown };
  };
  return id ?? incarnation ?? conversation?.id;
}
