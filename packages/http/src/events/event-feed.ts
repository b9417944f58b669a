/**
 * What fills the log of events.
 *
 * Owns: one listener for each event of `wa`, from the first stream on, and the place in the store's history that this process has read up to. Changes of
 * sessions come from that history, so that every process tells the same ones, whoever made them; everything else is told by the process that it happens in, as it
 * happens. The history is read by one reader for all streams and only while there is one. Readings never overlap, hence each reaches at least as far as those
 * before it, which is what lets a client go over from its own place in the history to the ring without a gap.
 */
import { type Clock, EVENT_NAMES, isWaSyncError, type Transition } from '@wa-sync/core';
import type { WaSyncLike } from '../host/options.js';
import type { EventLog } from './event-log.js';
import { type EventOnWire, eventToWire } from './event-log.js';

/** Changes that other processes made are told within this. */
const POLL_MS = 1_000;
/** Changes of this process are told at once, but a storm of them in so few readings. */
const APART_MS = 100;
const PAGE = 1_000;
/** Each probe of each connection would push everything else out of the ring; the metrics have them. */
const PUBLISHED = EVENT_NAMES.filter((name) => name !== 'probe:ended');

/** A part of the history for a client that is behind. */
export interface StoredPage {
  readonly changes: readonly { readonly cursor: string; readonly data: EventOnWire }[];
  readonly next: string;
  readonly missed: boolean;
  /** Where the ring goes on, but for what the client has had since `reading`; `null` where there is more to read first. */
  readonly ringFrom: number | null;
  /** Readings of the ring's own so far. */
  readonly reading: number;
}

export type EventFeed = ReturnType<typeof createEventFeed>;

export function createEventFeed(params: { wa: Pick<WaSyncLike, 'on' | 'history'>; log: EventLog; clock: Clock }) {
  const { wa, log, clock } = params;
  /** Becomes `false` once the store has said that it keeps no history; this process' own changes must do then. */
  let stored = true;
  let listening = false;
  let readers = 0;
  let tail: string | null = null;
  /** Place in the ring up to which `tail` reaches. */
  let tailNo = 0;
  let readings = 0;
  let turn: Promise<unknown> = Promise.resolve();
  let busy = 0;
  let waiting: Promise<void> | null = null;
  let again = false;
  let cancelPoll = () => {};

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  function listen(): void {
    if (listening) return;
    listening = true;
    for (const name of PUBLISHED) {
      wa.on(name, (payload) => {
        if (name === 'session:changed' && stored) follow();
        else log.add({ name, data: eventToWire(payload) });
      });
    }
  }

  /** Reads on from `tail` to the end; `skip` leaves out what a process without streams did not read, where that is much. */
  async function readOn(skip: boolean): Promise<void> {
    for (;;) {
      const { transitions, next, missed } = await wa.history.since({ after: tail, limit: PAGE });
      if (skip && transitions.length === PAGE) {
        tail = null;
        continue;
      }
      if (tail === null || missed) log.cut();
      for (const transition of transitions) {
        log.moveTo(transition.id);
        log.add({ name: 'session:changed', data: changeToWire(transition) });
      }
      log.moveTo(next);
      tail = next;
      tailNo = log.newest().no;
      readings += 1;
      if (transitions.length < PAGE) return;
    }
  }

  /** Reads on once it is our turn; who asks before that shares it. */
  function readInTurn(skip: boolean): Promise<void> {
    waiting ??= inTurn(() => {
      waiting = null;
      return readOn(skip);
    });
    return waiting;
  }

  async function read(skip: boolean): Promise<void> {
    cancelPoll();
    busy += 1;
    try {
      await readInTurn(skip);
    } catch (error) {
      // Any other failure passes: the next reading goes on where this one began.
      if (isWaSyncError(error) && error.code === 'not_supported') stored = false;
    }
    busy -= 1;
    if (busy > 0 || readers === 0 || !stored) return;
    cancelPoll();
    cancelPoll = clock.schedule(follow, again ? APART_MS : POLL_MS);
    again = false;
  }

  /** Reads on now, or soon where it does so already. */
  function follow(): void {
    if (readers === 0 || !stored) return;
    if (busy > 0) again = true;
    else void read(false);
  }

  return {
    /**
     * A stream begins. Settles when the ring reaches at least as far as whatever place its client has come with, because this reading began after any that gave
     * such a place out.
     */
    async open(): Promise<void> {
      listen();
      readers += 1;
      if (stored) await read(readers === 1);
    },
    /** A stream has ended. */
    close(): void {
      readers -= 1;
      if (readers === 0) cancelPoll();
    },
    /** Whether changes of sessions come from the store. */
    isStored: (): boolean => stored,
    /** What comes after a place in the history; `null` where the store does not answer now. */
    async page(after: string): Promise<StoredPage | null> {
      try {
        return await inTurn(async () => {
          // So that the ring has a place to go on from.
          if (tail === null || log.after(tailNo) === 'missed') await readOn(false);
          const { transitions, next, missed } = await wa.history.since({ after, limit: PAGE });
          const changes = transitions.map((one) => ({ cursor: one.id, data: changeToWire(one) }));
          const ringFrom = transitions.length < PAGE ? tailNo : null;
          return { changes, next, missed, ringFrom, reading: readings };
        });
      } catch {
        return null;
      }
    },
  };
}

/** The payload that `session:changed` has everywhere. */
function changeToWire({ id: _, owner: __, ...change }: Transition): EventOnWire {
  return eventToWire(change);
}
