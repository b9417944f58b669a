/**
 * The last events that this process can tell, numbered, so that a client that lost its connection goes on where it stopped.
 *
 * Owns: a bounded ring of events, and with each the place in the store's history that it stands at. It holds nothing for a client: each keeps its own place,
 * which is written `<cursor of the history>~<place in the ring>`. The first half means the same in every process that shares the store and outlives them
 * all; the second is this ring's alone.
 */
import { randomUUID } from 'node:crypto';
import { isWaSyncError, type WaSyncEventName } from '@wa-sync/core';
import { logText } from '@wa-sync/core/adapter';

/** Events that are remembered. */
const KEPT = 1_000;
/** Longest cursor taken back from a client; those of the stores are shorter. */
const LONGEST_CURSOR = 100;

export interface LoggedEvent {
  /** Grows by one with every event. */
  readonly no: number;
  readonly name: WaSyncEventName;
  /** The session it is about; `null` where it is about this replica or a job. */
  readonly sessionId: string | null;
  readonly data: EventOnWire;
  /** Of the history after this event; `null` where the store keeps none, or did not tell yet. */
  readonly cursor: string | null;
}

/** How far a client is. */
export interface Place {
  readonly cursor: string | null;
  /** The event of the ring that it has seen last; `null`: none of this ring. */
  readonly no: number | null;
}

export type EventLog = ReturnType<typeof createEventLog>;

export function createEventLog() {
  // Numbers begin anew with every process: a place of another one must not be taken for one of ours.
  let epoch = randomUUID().slice(0, 8);
  let ring: LoggedEvent[] = [];
  let last = 0;
  let cursor: string | null = null;
  const listeners = new Set<() => void>();

  return {
    add(event: Pick<LoggedEvent, 'name' | 'data'>): void {
      last += 1;
      const { sessionId } = event.data;
      ring[last % KEPT] = { ...event, no: last, sessionId: typeof sessionId === 'string' ? sessionId : null, cursor };
      for (const listener of [...listeners]) listener();
    },
    /** What is added from now on stands after this place of the history. */
    moveTo(next: string): void {
      cursor = next;
    },
    /** Something is missing in the ring from here on: nobody may go on over this point by it. */
    cut(): void {
      epoch = randomUUID().slice(0, 8);
      ring = [];
      last += 1;
      for (const listener of [...listeners]) listener();
    },
    newest: (): Place & { no: number } => ({ cursor, no: last }),
    /** As a client gets it and sends it back. */
    idOf: ({ cursor, no }: Place): string => `${cursor ?? ''}~${no === null ? '' : `${epoch}-${no}`}`,
    /** The place behind such an id; nowhere for any other text. */
    placeOf(id: string): Place {
      const [, told = '', of, digits] = /^([\x21-\x7d]*)~(?:([0-9a-f]{8})-(\d{1,15}))?$/.exec(id) ?? [];
      const no = Number(digits);
      const known = of === epoch && no <= last && (no === last || ring[(no + 1) % KEPT]?.no === no + 1);
      return { cursor: told === '' || told.length > LONGEST_CURSOR ? null : told, no: known ? no : null };
    },
    /** The event after `no`; `missed` where it is not remembered any more, `null` where there is none yet. */
    after(no: number): LoggedEvent | 'missed' | null {
      if (no >= last) return null;
      const next = ring[(no + 1) % KEPT];
      return next?.no === no + 1 ? next : 'missed';
    },
    /** Calls `wake` with every event until the answered function is called. */
    onEvent(listener: () => void): () => void {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    /** Who waits for events now. */
    waiting: (): number => listeners.size,
  };
}

/** The payload of an event as it goes out. */
export type EventOnWire = { readonly [key: string]: unknown };

/** Ids go out as they are, because a client has to know them again. */
const IDS = new Set(['sessionId', 'conversationId']);

/** An event as JSON: instants as texts, no whole number in any text for people, of an error its code alone. */
export function eventToWire(payload: object): EventOnWire {
  return Object.fromEntries(
    Object.entries(payload).map(([key, value]) => [key, IDS.has(key) ? value : valueToWire(key, value)]),
  );
}

function valueToWire(key: string, value: unknown): unknown {
  if (key === 'error') return errorToWire(value);
  if (typeof value === 'string') return logText(value);
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, valueToWire(name, inner)]));
}

/** What a host's own code threw may say anything: its words are for the log. */
function errorToWire(error: unknown): string {
  if (isWaSyncError(error)) return error.code;
  return typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? error : 'internal_error';
}
