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
/** Changes kept for the streams that come for them next; a page counts as one more. */
const KEPT = 5_000;
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
  /** It is full, so more may come after it. */
  readonly more: boolean;
}

/** A stream as the feed sees it. */
export interface FedStream {
  /** An event that is not in the history. */
  push(frame: Frame): void;
  /** The history was read on. */
  notify(): void;
}

export type EventFeed = ReturnType<typeof createEventFeed>;

export function createEventFeed({
  wa,
  history,
  clock,
}: {
  wa: Pick<WaSyncLike, 'on'>;
  /** May refuse a reading: the next one goes on where it would have begun. */
  history: WaSyncLike['history'];
  clock: Clock;
}) {
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
  let readAtMs = Number.NEGATIVE_INFINITY;
  let cancelPoll: (() => void) | null = null;

  function listen(): void {
    if (listening) return;
    listening = true;
    for (const name of PUBLISHED) {
      wa.on(name, (payload) => {
        if (streams.size === 0) return;
        if (name === 'session:changed' && stored) return plan(true);
        const data = eventToWire(payload);
        const { sessionId } = data;
        const frame = { sessionId: typeof sessionId === 'string' ? sessionId : null, text: frameOf(name, data) };
        for (const stream of streams) stream.push(frame);
      });
    }
  }

  function plan(soon: boolean): void {
    stopPolling();
    if (streams.size === 0 || !stored) return;
    const inMs = soon ? Math.max(0, readAtMs + APART_MS - clock.monotonicMs()) : POLL_MS;
    cancelPoll = clock.schedule(() => void read(), inMs);
  }

  function stopPolling(): void {
    cancelPoll?.();
    cancelPoll = null;
  }

  async function readAfter(after: string | null): Promise<Page> {
    const { transitions, next, missed } = await history.since({ after, limit: PAGE });
    const changes = transitions.map((transition) => {
      const { id, sessionId } = transition;
      return { id, sessionId, text: frameOf('session:changed', changeToWire(transition), id) };
    });
    return { changes, next, missed, more: changes.length === PAGE };
  }

  /** Reads from the tail to the end; `false` where the store does not answer. */
  async function readOn(): Promise<boolean> {
    stopPolling();
    readAtMs = clock.monotonicMs();
    try {
      for (let more = true; more && streams.size > 0; ) {
        const after = tail;
        const page = await readAfter(after);
        // A tail that nobody follows would go stale, and the next stream would begin there.
        if (streams.size === 0) break;
        more = page.more;
        if (after !== null && after !== page.next) keep(after, page);
        tail = page.next;
        for (const stream of streams) stream.notify();
      }
      return true;
    } catch (error) {
      // Any other failure passes: the next reading goes on where this one began.
      if (isWaSyncError(error) && error.code === 'not_supported') stored = false;
      return false;
    } finally {
      // A change that was made meanwhile may have come too late for this one, and has planned the next.
      if (!cancelPoll) plan(false);
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

  async function readPage(after: string, amid: boolean): Promise<Page | null> {
    // Many clients come back with one id where a process went away.
    const known = pages.get(after);
    if (known) return known;
    const page = amid ? await readAfter(after) : await readToTail(after);
    // What is no place may be any text: it is not kept.
    if (page && !page.missed && streams.size > 0) keep(after, page);
    return page;
  }

  /**
   * A page that ends at the tail where it can. Cursors cannot be compared, so this rests on order alone: after the
   * first reading the tail is at `after` or later, so `own` has all that the reader finds before its second one
   * begins, and what both have is known by its ids.
   */
  async function readToTail(after: string): Promise<Page | null> {
    if (!(await read()) || tail === null) return null;
    let at = tail;
    const own = await readAfter(after);
    if (own.more || !(await read())) return own;
    const had = new Set(own.changes.map(({ id }) => id));
    const changes = [...own.changes];
    while (at !== tail) {
      const page = pages.get(at);
      if (!page || page.missed) return own;
      changes.push(...page.changes.filter(({ id }) => !had.has(id)));
      at = page.next;
    }
    return { ...own, changes, next: at };
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
      stopPolling();
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
     * others to serve; the reader at the tail waits for none of them. One that is read `amid` others, after a full
     * one, does not have to end at the tail.
     */
    pageAfter(place: string, { amid }: { amid: boolean }): Promise<Page | null> {
      paging = paging.then(() => readPage(place, amid)).catch(() => null);
      return paging;
    },
  };
}

/** An event as it goes over the wire. JSON has no line break in it, so one `data` line is enough. */
export function frameOf(name: string, data: object, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
