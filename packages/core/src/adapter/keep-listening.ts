/**
 * Notifications from a store. Owns: at most one listening connection for as long as somebody listens, and a pause
 * before another try. States: stopped, listening, pausing, off (it cannot be done here). Everything works without it,
 * so nothing here ever fails a call.
 */
import { systemClock } from '../ports/clock.js';
import type { InboxStore } from '../ports/inbox-store.js';

/** The optional method of an inbox. */
export type Listen = NonNullable<InboxStore['listen']>;

/** Why a connection listens no more: it was asked to stop, it broke, or it never could. */
export type ListenEnding = 'stopped' | 'lost' | 'impossible';

/** What {@link keepListening} gives to the connection of a store, and what that connection reports. */
export interface ListenOnce {
  /** Aborts when nobody listens any more. */
  readonly signal: AbortSignal;
  /** It listens now. */
  listening(): void;
  /** Something may wait for a replica. */
  heard(incarnation: string): void;
}

const RETRY_AFTER_MS = 2_000;

/** Keeps one connection listening for all that `listen` is called for; `stop` ends it whoever listens. */
export function keepListening(params: {
  /** Opens a connection, listens until it ends, and closes it. A rejection counts as lost. */
  once(params: ListenOnce): Promise<ListenEnding>;
  /** Called once where it cannot be done. */
  impossible(): void;
  /** Called once for each time that listening ends by a fault, until it works again. */
  lost?(error: unknown): void;
}): { readonly listen: Listen; stop(): void } {
  const listeners = new Set<{ readonly incarnation: string; readonly notify: () => void }>();
  let running: { stop(): void; readonly first: Promise<void> } | null = null;

  function notify(incarnation: string | null): void {
    for (const one of listeners) if (incarnation === null || one.incarnation === incarnation) one.notify();
  }

  function start(): { stop(): void; readonly first: Promise<void> } {
    const stopping = new AbortController();
    const { signal } = stopping;
    let ready = () => {};
    const first = new Promise<void>((resolve) => {
      ready = resolve;
    });
    let failing = false;
    const listening = () => {
      failing = false;
      ready();
      // Something may have come while nobody listened.
      notify(null);
    };
    const keep = async () => {
      while (!signal.aborted) {
        let cause: unknown;
        // A signal of its own for each attempt: what an attempt leaves on it goes with it, however many follow.
        const attempt = new AbortController();
        const end = () => attempt.abort();
        signal.addEventListener('abort', end, { once: true });
        const asked = { signal: attempt.signal, listening, heard: notify };
        const ending = await params.once(asked).catch((error: unknown): ListenEnding => {
          cause = error;
          return 'lost';
        });
        signal.removeEventListener('abort', end);
        ready();
        if (ending === 'lost' && !failing && !signal.aborted) params.lost?.(cause);
        failing = ending === 'lost';
        if (ending === 'impossible') return params.impossible();
        await pause(RETRY_AFTER_MS, signal);
      }
    };
    void keep();
    return { first, stop: () => stopping.abort() };
  }

  function stop(): void {
    running?.stop();
    running = null;
  }

  return {
    stop,
    async listen({ incarnation, notify }) {
      const one = { incarnation, notify };
      listeners.add(one);
      running ??= start();
      await running.first;
      return () => {
        listeners.delete(one);
        if (listeners.size === 0) stop();
      };
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = systemClock.schedule(end, ms);
    function end(): void {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    }
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });
}
