import { WaSyncError } from '../errors.js';
import type { Clock } from '../ports/clock.js';
import type { WaSyncStore } from '../ports/store.js';

/**
 * The store with a time limit on every call but those of credentials, so that one answer that never comes cannot stop the engine. What is
 * committed after all comes under a guard: a late write misses its version, a late claim is found by the sweep.
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
  };
}

function limitCalls<Port extends object>(port: Port, clock: Clock, limitMs: number): Port {
  return new Proxy(port, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) =>
        new Promise((resolve, reject) => {
          const cancel = clock.schedule(() => {
            reject(
              new WaSyncError('store_timeout', `The store did not answer ${String(name)} within ${limitMs} ms`, {
                retryable: true,
              }),
            );
          }, limitMs);
          (async () => method.apply(target, args) as unknown)().then(resolve, reject).finally(cancel);
        });
    },
  });
}
