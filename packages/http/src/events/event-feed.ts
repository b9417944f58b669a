/**
 * What the streams of events are fed from.
 *
 * Owns: one listener for each event of `wa`, from the first stream on; the streams that are open; and while there are
 * some, the place in the store's history that this process has read up to (the tail), with the pages read last.
 *
 * Changes of sessions come from the history, so that every process publishes the same ones, whoever made them. One
 * reader reads it for all streams at the tail. A stream that is behind has pages of its own read until it stands there
 * too. Every other event is pushed to the open streams as it happens.
 */
import { type Clock, EVENT_NAMES, isWaSyncError } from '@wa-sync/core';
import type { WaSyncLike } from '../host/options.js';
import { changeToWire, eventToWire } from '../reply/to-wire.js';

/** Changes that other processes made are published within this. */
const POLL_MS = 1_000;
/** Changes of this process are published at once, but a storm of them in so few readings. */
const APART_MS = 100;
const PAGE = 1_000;
/** Changes kept for streams that have not taken them yet; a page counts as one more. */
const KEPT = 2_000;
/** Each probe of each connection would crowd out everything else; the metrics have them. */
const PUBLISHED = EVENT_NAMES.filter((name) => name !== 'probe:ended');

/** An event as all streams send it. */
export interface Frame {
  /** The session it is about; `null` where it is about this replica or a job. */
  readonly sessionId: string | null;
  readonly text: string;
}

/** A part of the history: what comes after the place it was asked for. */
export interface Page {
  readonly changes: readonly (Frame & { readonly id: string })[];
  readonly next: string;
  readonly missed: boolean;
}

/** A stream as the feed sees it. */
export interface FedStream {
  /** An event that is not in the history. */
  push(frame: Frame): void;
  /** The history was read on. */
  wake(): void;
}

export type EventFeed = ReturnType<typeof createEventFeed>;

export function createEventFeed({ wa, clock }: { wa: Pick<WaSyncLike, 'on' | 'history'>; clock: Clock }) {
  const streams = new Set<FedStream>();
  /** By the place that each comes after: a stream that stands at one of these needs no reading of its own. */
  const pages = new Map<string, Page>();
  let weight = 0;
  /** Becomes `false` once the store has said that it keeps no history; this process' own changes must do then. */
  let stored = true;
  let listening = false;
  let tail: string | null = null;
  let reading: Promise<boolean> = Promise.resolve(true);
  let nextReading: Promise<boolean> | null = null;
  let paging: Promise<Page | null> = Promise.resolve(null);
  let busy = false;
  let again = false;
  let readAtMs = Number.NEGATIVE_INFINITY;
  let cancelPoll = () => {};

  function listen(): void {
    if (listening) return;
    listening = true;
    for (const name of PUBLISHED) {
      wa.on(name, (payload) => {
        if (streams.size === 0) return;
        if (name === 'session:changed' && stored) return follow();
        const data = eventToWire(payload);
        const { sessionId } = data;
        const frame = { sessionId: typeof sessionId === 'string' ? sessionId : null, text: frameOf(name, data) };
        for (const stream of streams) stream.push(frame);
      });
    }
  }

  /** Reads on soon; a reading that is under way may have begun before the change that this is about. */
  function follow(): void {
    if (busy) again = true;
    else plan(true);
  }

  function plan(soon: boolean): void {
    cancelPoll();
    if (streams.size === 0 || !stored) return;
    const inMs = soon ? Math.max(0, readAtMs + APART_MS - clock.monotonicMs()) : POLL_MS;
    cancelPoll = clock.schedule(() => void read(), inMs);
  }

  async function readAfter(after: string | null): Promise<Page> {
    const { transitions, next, missed } = await wa.history.since({ after, limit: PAGE });
    const changes = transitions.map((transition) => {
      const { id, sessionId } = transition;
      return { id, sessionId, text: frameOf('session:changed', changeToWire(transition), id) };
    });
    return { changes, next, missed };
  }

  /** Reads from the tail to the end; `false` where the store does not answer. */
  async function readOn(): Promise<boolean> {
    cancelPoll();
    busy = true;
    readAtMs = clock.monotonicMs();
    try {
      for (let more = true; more && streams.size > 0; ) {
        const after = tail;
        const page = await readAfter(after);
        // A tail that nobody follows would go stale, and the next stream would begin there.
        if (streams.size === 0) break;
        more = page.changes.length === PAGE;
        if (after !== null && after !== page.next) keep(after, page);
        tail = page.next;
        for (const stream of streams) stream.wake();
      }
      return true;
    } catch (error) {
      // Any other failure passes: the next reading goes on where this one began.
      if (isWaSyncError(error) && error.code === 'not_supported') stored = false;
      return false;
    } finally {
      busy = false;
      plan(again);
      again = false;
    }
  }

  /** A reading that begins after this call; all who ask before it begins share it. */
  function read(): Promise<boolean> {
    nextReading ??= reading.then(() => {
      nextReading = null;
      reading = readOn();
      return reading;
    });
    return nextReading;
  }

  function keep(after: string, page: Page): void {
    drop(after);
    pages.set(after, page);
    weight += 1 + page.changes.length;
    for (const oldest of pages.keys()) {
      if (weight <= KEPT || oldest === after) return;
      drop(oldest);
    }
  }

  function drop(after: string): void {
    const page = pages.get(after);
    if (page && pages.delete(after)) weight -= 1 + page.changes.length;
  }

  /**
   * A page that ends at the tail where it can. Cursors cannot be compared, so this rests on order alone: after the
   * first reading the tail is at `after` or later, so `own` has all that the reader finds before its second one begins,
   * and what both have is known by its ids.
   */
  async function readPage(after: string): Promise<Page | null> {
    if (!(await read()) || tail === null) return null;
    let at = tail;
    if (after === at) return { changes: [], next: at, missed: false };
    const known = pages.get(after);
    if (known) return known;
    const own = await readAfter(after);
    if (own.changes.length === PAGE || !(await read()) || tail === null) return own;
    const had = new Set(own.changes.map(({ id }) => id));
    const changes = [...own.changes];
    while (at !== tail) {
      const page = pages.get(at);
      if (!page || page.missed) return own;
      changes.push(...page.changes.filter(({ id }) => !had.has(id)));
      at = page.next;
    }
    const joined = { changes, next: at, missed: own.missed };
    // Many clients come back with one id where a process went away. What is no place may be any text: it is not kept.
    if (!own.missed) keep(after, joined);
    return joined;
  }

  return {
    /** A stream begins. Settles when the tail is known, or the store does not answer. */
    async open(stream: FedStream): Promise<void> {
      listen();
      streams.add(stream);
      if (tail === null && stored) await read();
    },
    /** A stream has ended. */
    close(stream: FedStream): void {
      streams.delete(stream);
      if (streams.size > 0) return;
      cancelPoll();
      pages.clear();
      weight = 0;
      tail = null;
    },
    /** Whether changes of sessions come from the store. */
    isStored: (): boolean => stored,
    /** Up to where the history was read; `null` where that is not known yet. */
    tail: (): string | null => tail,
    /** What comes after a place, where it was read already. */
    keptAfter: (place: string): Page | null => pages.get(place) ?? null,
    /**
     * The same, read from the store; `null` where that does not answer now. One page at a time, because the store has
     * others to serve; the reader at the tail waits for none of them.
     */
    pageAfter(place: string): Promise<Page | null> {
      paging = paging.then(() => readPage(place)).catch(() => null);
      return paging;
    },
  };
}

/** An event as it goes over the wire. JSON has no line break in it, so one `data` line is enough. */
export function frameOf(name: string, data: object, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
