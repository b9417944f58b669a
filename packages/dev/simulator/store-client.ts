/**
 * A process's way to the store: latencies, and whatever may go wrong on it. Every answer comes in through the door of
 * the process.
 */
import type { WaSyncStore } from '@wa-sync/core';
import type { Draw } from './draw.js';
import type { Recorder, SeenAtWrite, StoreMethod } from './history.js';
import type { SimProcess } from './sim-process.js';
import type { StoreParams, StorePart, StoreServer } from './store-server.js';
import type { Timeline } from './timeline.js';

/** What is wrong on the way now; probabilities by call. */
export interface StoreWeather {
  /** `refuse`: connections are refused. `hang`: nothing is answered; packets arrive when it is over, or never. */
  cut: 'refuse' | 'hang' | null;
  errorBefore: number;
  errorAfter: number;
  lateRequest: number;
  /** Every status write is late. */
  lateWrites: boolean;
  /** Status writes wait, as for a lock on the table, and are carried out, or not, when it is over. */
  lockedWrites: boolean;
  lateAnswer: number;
  /** Every call takes so much longer, on the way to the store, on the way back, or now here and now there. */
  slow: { readonly ms: number; readonly side: 'before' | 'after' | 'changing' } | null;
  /** The next beat is answered so much later, or never; every other call goes on. */
  hang: { readonly ms: number; readonly side: 'before' | 'after' } | null;
  twice: number;
  /** The process is stopped right before the next call leaves, or right when its answer arrives. */
  pauseAt: {
    readonly moment: 'before_call' | 'at_answer';
    readonly ms: number;
    readonly method: StoreMethod | null;
  } | null;
}

export const FAIR_WEATHER: Readonly<StoreWeather> = {
  cut: null,
  errorBefore: 0,
  errorAfter: 0,
  lateRequest: 0,
  lateWrites: false,
  lockedWrites: false,
  lateAnswer: 0,
  slow: null,
  hang: null,
  twice: 0,
  pauseAt: null,
};

const LONGEST_DELAY_MS = 25_000;
const PARTS: readonly StorePart[] = [
  ...(['sessions', 'leases', 'jobs', 'cleanup', 'conversations', 'auth', 'history', 'inbox'] as const),
];
/** Notifications are lost with their connection, and nobody is notified. */
const NOTIFICATIONS_LOST = 0.3;

export interface StoreClient {
  readonly store: WaSyncStore;
  readonly weather: StoreWeather;
  /** Calls that waited for a cut to end; run them when it has. */
  flush(): void;
  /** Has every beat say that this replica suspects its own network. */
  suspect(on: boolean): void;
}

export function createStoreClient(params: {
  process: SimProcess;
  server: StoreServer;
  timeline: Timeline;
  draw: Draw;
  recorder: Recorder;
  nextCall: () => number;
  /** Whether the store is down for everybody. */
  outage: () => StoreWeather['cut'];
  seenAtWrite: (params: StoreParams) => readonly SeenAtWrite[];
  onFault: (kind: string, method: StoreMethod) => void;
  onJoin: (incarnation: string) => void;
  onCall: (method: StoreMethod, given: StoreParams) => void;
}): StoreClient {
  const { process, server, timeline, draw, recorder, onFault } = params;
  const weather: StoreWeather = { ...FAIR_WEATHER };
  const held: (() => void)[] = [];
  let suspects = false;

  function send(part: StorePart, method: StoreMethod, asked: StoreParams): Promise<unknown> {
    const given = method === 'beat' && suspects ? { ...asked, massOutage: true } : asked;
    return new Promise((resolve, reject) => {
      const id = params.nextCall();
      const seen = part === 'sessions' && method === 'write' ? params.seenAtWrite(given) : undefined;
      recorder.note({ actor: process.name, what: 'call', call: id, method, params: given, ...(seen ? { seen } : {}) });
      params.onCall(method, given);
      if (method === 'join') params.onJoin(String(given.incarnation));
      const call = { id, actor: process.name, part, method, params: given };

      const answer = (delayMs: number, ok: boolean, settle: () => void): void => {
        if (delayMs === Number.POSITIVE_INFINITY) return;
        timeline.after(delayMs, () => {
          if (takePause('at_answer', method)) onFault('pause_at_answer', method);
          process.deliver(() => {
            recorder.note({ actor: process.name, what: 'answer', call: id, method, ok });
            settle();
          });
        });
      };
      const fail = (delayMs: number, words: string) => answer(delayMs, false, () => reject(new Error(words)));

      const arrive = (options: { errorAfter: boolean; lateAnswer: boolean; twice: boolean; slowMs: number }): void => {
        const backMs =
          options.slowMs + (options.lateAnswer ? draw.between(1_000, LONGEST_DELAY_MS) : draw.between(1, 12));
        server.commit(call, { twice: options.twice }).then(
          (result) =>
            options.errorAfter ? fail(backMs, 'connection reset') : answer(backMs, true, () => resolve(result)),
          (error: unknown) => answer(backMs, false, () => reject(error)),
        );
      };

      const leave = (): void => {
        const cut = params.outage() ?? weather.cut;
        if (cut === 'refuse') {
          fail(draw.between(1, 30), 'connect ECONNREFUSED');
          return;
        }
        if (weather.lockedWrites && method === 'write') {
          onFault('writes_locked', method);
          if (draw.chance(0.5))
            held.push(() => arrive({ slowMs: 0, errorAfter: false, lateAnswer: false, twice: false }));
          return;
        }
        const { slow } = weather;
        const hang = method === 'beat' ? weather.hang : null;
        const slowBefore = slow?.side === 'before' || (slow?.side === 'changing' && draw.chance(0.5));
        const fate = {
          slowMs: (slow && !slowBefore ? slow.ms : 0) + (hang?.side === 'after' ? hang.ms : 0),
          errorAfter: draw.chance(weather.errorAfter),
          lateAnswer: draw.chance(weather.lateAnswer),
          twice: draw.chance(weather.twice),
        };
        if (cut === 'hang') {
          // A packet on its way when the line is back is delivered late; one whose connection was reset never is.
          if (draw.chance(0.5)) held.push(() => arrive(fate));
          return;
        }
        if (draw.chance(weather.errorBefore)) {
          onFault('store_error_before', method);
          fail(draw.between(1, 50), 'the store failed');
          return;
        }
        if (fate.errorAfter) onFault('store_error_after', method);
        if (fate.twice) onFault('store_twice', method);
        const late = draw.chance(weather.lateRequest) || (weather.lateWrites && method === 'write');
        if (late || fate.lateAnswer) onFault('store_late', method);
        if (slow) onFault('store_slow', method);
        if (hang) {
          weather.hang = null;
          onFault('beat_hangs', method);
        }
        const thereMs = late ? draw.between(1_000, LONGEST_DELAY_MS) : draw.between(1, 12);
        const hungMs = hang?.side === 'before' ? hang.ms : 0;
        if (hungMs === Number.POSITIVE_INFINITY) return;
        timeline.after(thereMs + hungMs + (slow && slowBefore ? slow.ms : 0), () => arrive(fate));
      };

      if (takePause('before_call', method)) onFault('pause_before_call', method);
      process.deliver(leave);
    });
  }

  /** Notifications come from the store as it is now: one that was rolled back knows of no listener. */
  function listen({ incarnation, notify }: { incarnation: string; notify: () => void }): Promise<() => void> {
    const deliver = (): void => {
      if (params.outage() ?? weather.cut ?? draw.chance(NOTIFICATIONS_LOST)) return;
      timeline.after(draw.between(1, 12), () => process.deliver(notify));
    };
    return server.memory.inbox.listen!({ incarnation, notify: deliver });
  }

  function takePause(moment: 'before_call' | 'at_answer', method: StoreMethod): boolean {
    const { pauseAt } = weather;
    if (pauseAt?.moment !== moment || (pauseAt.method !== null && pauseAt.method !== method)) return false;
    weather.pauseAt = null;
    process.pause(pauseAt.ms);
    return true;
  }

  const ports = Object.fromEntries(
    PARTS.map((part) => [
      part,
      new Proxy(server.memory[part], {
        get(memory, method) {
          if (method === 'listen') return listen;
          if (!Reflect.has(memory, method)) return undefined;
          return (given: StoreParams) => send(part, method as StoreMethod, given);
        },
      }),
    ]),
  ) as unknown as Required<Pick<WaSyncStore, StorePart>>;

  return {
    weather,
    store: {
      capabilities: { durable: true, shared: true, mirror: false },
      ...ports,
      async init() {},
      async close() {},
    },
    suspect(on) {
      suspects = on;
    },
    flush() {
      for (const run of held.splice(0)) timeline.after(draw.between(1, 500), run);
    },
  };
}
