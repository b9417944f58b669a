import type { Session } from '../session/session-view.js';
import type { FakeWhatsApp } from './fake-whatsapp.js';

type FaultAct = { target: 'session'; act(session: Session): void } | { target: 'server'; act(wa: FakeWhatsApp): void };

const ACTS = {
  fin: onSession((session) => session.fin()),
  rst: onSession((session) => session.rst()),
  'rst-mid-frame': onSession((session) => session.rstMidFrame()),
  'websocket-close': onSession((session) => session.closeWebSocket(1001)),
  'stream-error-503': onSession((session) => session.streamError(503)),
  'stream-error-515': onSession((session) => session.streamError(515)),
  xmlstreamend: onSession((session) => session.xmlStreamEnd()),
  silence: onSession((session) => session.goSilent()),
  'slow-replies': onSession((session) => session.delayReplies(300)),
  'prompt-replies': onSession((session) => session.delayReplies(0)),
  garbage: onSession((session) => session.sendGarbage()),
  conflict: onSession((session) => session.streamError({ conflict: 'replaced' })),
  'refused-upgrade': onServer((wa) => wa.planNextConnection({ refuseUpgrade: 503 })),
  'failure-503': onServer((wa) => wa.planNextConnection({ failure: { reason: 503 } })),
  'silent-login': onServer((wa) => wa.planNextConnection({ silentAfter: 'handshake' })),
  'refused-tcp': onServer((wa) => void wa.stopListening()),
} satisfies Record<string, FaultAct>;

export type RandomFaultKind = keyof typeof ACTS;

/** Every kind that there is, once. */
export const RANDOM_FAULT_KINDS = Object.keys(ACTS) as readonly RandomFaultKind[];

// One frame of garbage ends a Node process that does not contain it, and a conflict says that another socket has the
// number.
const DEFAULT_KINDS = RANDOM_FAULT_KINDS.filter((kind) => kind !== 'garbage' && kind !== 'conflict');

export type RandomFaultOptions = {
  /** The same seed gives the same sequence of draws. */
  seed: number;
  /** Which faults are drawn, each as often. Default: all but `garbage` and `conflict`. */
  kinds?: readonly RandomFaultKind[];
  /** Whom they may hit. Default: every session that is online. */
  isTarget?: (session: Session) => boolean;
};

export type InjectedFault = {
  at: Date;
  kind: RandomFaultKind;
  /** Whom it hit; undefined where it meets whoever connects next. */
  jid?: string;
};

export type RandomFaults = {
  readonly injected: readonly InjectedFault[];
  /** Injects one fault now. Undefined where the one that was drawn found nobody to hit. */
  step(): InjectedFault | undefined;
  /** The same with a fault of this kind; only whom it hits is drawn. */
  inject(kind: RandomFaultKind): InjectedFault | undefined;
  /** Injects faults until `stop`, at intervals between half and one and a half times this mean. */
  start(meanIntervalMs: number): void;
  stop(): void;
  /** Stops, cuts silent links, forgets what was planned and accepts connections again. */
  heal(): Promise<void>;
};

/**
 * Draws faults from a seed and injects them into a server.
 *
 * @example
 * const faults = createRandomFaults(wa, { seed: 7 });
 * faults.start(500);
 * // … let the system under test struggle …
 * await faults.heal();
 */
export function createRandomFaults(wa: FakeWhatsApp, options: RandomFaultOptions): RandomFaults {
  const kinds = options.kinds ?? DEFAULT_KINDS;
  const drawFault = randomFrom(options.seed);
  const drawPause = randomFrom(options.seed + 1);
  const injected: InjectedFault[] = [];
  let timer: NodeJS.Timeout | undefined;

  function step(): InjectedFault | undefined {
    // Both a kind and a target are drawn every time, so that the sequence does not depend on who happened to be
    // online.
    return inject(kinds[Math.floor(drawFault() * kinds.length)]!);
  }

  function inject(kind: RandomFaultKind): InjectedFault | undefined {
    const pick = drawFault();
    // A refusal of TCP lasts until the next fault; where it cannot be ended, heal() says why.
    wa.startListening().catch(() => {});
    const fault = ACTS[kind];
    if (fault.target === 'server') {
      fault.act(wa);
      return note({ at: new Date(), kind });
    }
    const targets = wa.sessions().filter((session) => session.connected && (options.isTarget?.(session) ?? true));
    const session = targets[Math.floor(pick * targets.length)];
    if (!session) return undefined;
    fault.act(session);
    return note({ at: new Date(), kind, jid: session.jid });
  }

  function note(fault: InjectedFault): InjectedFault {
    injected.push(fault);
    return fault;
  }

  function schedule(meanIntervalMs: number): void {
    timer = setTimeout(
      () => {
        step();
        schedule(meanIntervalMs);
      },
      meanIntervalMs * (0.5 + drawPause()),
    );
  }

  function stop(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  return {
    injected,
    step,
    inject,
    start(meanIntervalMs) {
      stop();
      schedule(meanIntervalMs);
    },
    stop,
    async heal() {
      stop();
      wa.clearPlans();
      for (const session of wa.sessions()) session.clearPlans();
      for (const connection of wa.connections()) {
        if (connection.state === 'silent') connection.rst();
        else connection.delayReplies(0);
      }
      await wa.startListening();
    },
  };
}

function onSession(act: (session: Session) => void): FaultAct {
  return { target: 'session', act };
}

function onServer(act: (wa: FakeWhatsApp) => void): FaultAct {
  return { target: 'server', act };
}

/** Mulberry32: numbers from 0 up to 1, the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
