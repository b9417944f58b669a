/**
 * The last events of this replica, numbered, so that a client that lost its connection goes on where it stopped.
 *
 * Owns: one listener for each event of `wa`, from the first time that somebody asks for events, and a bounded ring of what they heard. It holds nothing for
 * a client: each keeps its own place. What happened in other processes, or before a restart, is not in it.
 */
import { randomUUID } from 'node:crypto';
import { EVENT_NAMES, type WaSyncEventName } from '@wa-sync/core';
import { type EventOnWire, eventToWire } from './event-to-wire.js';
import type { WaSyncLike } from './route.js';

/** Events that are remembered. */
const KEPT = 1_000;

export interface LoggedEvent {
  /** Grows by one with every event. */
  readonly no: number;
  readonly name: WaSyncEventName;
  /** The session it is about; `null` where it is about this replica or a job. */
  readonly sessionId: string | null;
  readonly data: EventOnWire;
}

export type EventLog = ReturnType<typeof createEventLog>;

export function createEventLog(wa: Pick<WaSyncLike, 'on'>) {
  // Numbers begin anew with every process: an id of another one must not be taken for one of ours.
  const epoch = randomUUID().slice(0, 8);
  const ring: LoggedEvent[] = [];
  const wakes = new Set<() => void>();
  let last = 0;
  let listening = false;

  function add(name: WaSyncEventName, payload: object): void {
    last += 1;
    const data = eventToWire(payload);
    const sessionId = typeof data.sessionId === 'string' ? data.sessionId : null;
    ring[last % KEPT] = { no: last, name, sessionId, data };
    for (const wake of [...wakes]) wake();
  }

  return {
    /** The number of the newest event; listens from the first call on. */
    open(): number {
      if (!listening) for (const name of EVENT_NAMES) wa.on(name, (payload) => add(name, payload));
      listening = true;
      return last;
    },
    idOf: (no: number): string => `${epoch}-${no}`,
    /** The number behind an id of ours; `null` for any other text. */
    numberOf(id: string): number | null {
      const [, of, digits] = /^([0-9a-f]{8})-(\d{1,15})$/.exec(id) ?? [];
      return of === epoch && Number(digits) <= last ? Number(digits) : null;
    },
    /** The event after `no`; `missed` where it is not remembered any more, `null` where there is none yet. */
    after(no: number): LoggedEvent | 'missed' | null {
      if (no >= last) return null;
      const next = ring[(no + 1) % KEPT];
      return next?.no === no + 1 ? next : 'missed';
    },
    newest: (): number => last,
    /** Calls `wake` with every event until the answered function is called. */
    onEvent(wake: () => void): () => void {
      wakes.add(wake);
      return () => void wakes.delete(wake);
    },
    /** Who waits for events now. */
    waiting: (): number => wakes.size,
  };
}
