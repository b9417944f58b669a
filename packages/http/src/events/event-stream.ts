/**
 * One client's server-sent events. It keeps a place (in the ring of this process, or in the store's history while it is behind that) and reads on only when the client has
 * taken what was sent, so a slow one costs nothing. Once it leaves, nothing of it is left.
 */
import type { Clock } from '@wa-sync/core';
import type { EventFeed } from './event-feed.js';
import type { EventLog, LoggedEvent, Place } from './event-log.js';

/** A line goes out this often, so that nothing on the way takes the connection for dead. */
const BEAT_MS = 15_000;
/** How soon a store that did not answer is asked again. */
const AGAIN_MS = 1_000;
/** Then the client comes again by itself: who was refused meanwhile must not listen for ever. */
const LONGEST_MS = 3_600_000;
/** How long a browser waits before it comes again. */
const RETRY_MS = 3_000;
/** Events put into one piece. */
const BATCH = 100;

export function openEventStream(params: {
  log: EventLog;
  feed: EventFeed;
  clock: Clock;
  /** The last id that the client has seen; `null`: it wants what comes from now on. */
  lastId: string | null;
  /** Whether this client may know of an event. */
  sees(event: Pick<LoggedEvent, 'sessionId'>): boolean;
  signal: AbortSignal;
  /** Aborts when the replica stops: the stream ends, so that the server that carries it can close. */
  stopping?: AbortSignal | undefined;
  /** Somebody reads now; `false` where there is no place left, and the stream ends at once. */
  onStart(): unknown;
  /** Nobody does any more; called once, and never without an `onStart` that took a place. */
  onEnd(): void;
}): ReadableStream<Uint8Array> {
  const { log, feed, clock, lastId, sees, signal, stopping } = params;
  const encoder = new TextEncoder();
  let place: Place = { cursor: null, no: null };
  /** Changes that came from the history and will come in the ring once more. */
  const twice = new Set<string>();
  let reading = 0;
  let started = false;
  let over = false;
  let closed = false;
  let close = () => {};
  let untilMs = 0;
  let stopWaiting = () => {};

  function end(): void {
    if (over) return;
    over = true;
    stopWaiting();
    signal.removeEventListener('abort', end);
    stopping?.removeEventListener('abort', close);
    if (!started) return;
    feed.close();
    params.onEnd();
  }

  /** Finds the place that the client has come with. */
  function begin(): string {
    if (lastId === null) {
      place = log.newest();
      return '';
    }
    place = log.placeOf(lastId);
    return place.no === null && !goesOnInHistory() ? missed() : '';
  }

  function goesOnInHistory(): boolean {
    return feed.isStored() && place.cursor !== null;
  }

  /** Nobody knows what came after the client's place. */
  function missed(): string {
    place = log.newest();
    return frame(place, 'missed', { resumeFrom: 'now' });
  }

  /** `null` where there is nothing before the next event. */
  function readRing(from: number): string | null {
    let text = '';
    let no = from;
    for (let taken = 0; taken < BATCH; ) {
      const event = log.after(no);
      if (event === null) break;
      if (event === 'missed') {
        // What is stored is not lost; the rest was told while it happened.
        place = { ...place, no: null };
        return goesOnInHistory() ? text : text + missed();
      }
      no = event.no;
      const had = event.name === 'session:changed' && event.cursor !== null && twice.has(event.cursor);
      // The ring tells changes in the order of the history: after the first new one none comes twice.
      if (event.name === 'session:changed' && !had) twice.clear();
      place = { no, cursor: twice.size > 0 ? place.cursor : event.cursor };
      if (had || !sees(event)) continue;
      text += frame(resumeAt(), event.name, event.data);
      taken += 1;
    }
    return text === '' ? null : text;
  }

  /** `null` where the store does not answer now. */
  async function readHistory(): Promise<string | null> {
    const page = await feed.page(place.cursor ?? '');
    if (page === null) return null;
    let text = page.missed ? 'event: missed\ndata: {"resumeFrom":"oldest"}\n\n' : '';
    if (page.reading !== reading) twice.clear();
    reading = page.reading;
    for (const { cursor, data } of page.changes) {
      twice.add(cursor);
      // Without a place in the ring: a client that is cut off here goes on here.
      if (sees({ sessionId: String(data.sessionId) })) text += frame({ cursor, no: null }, 'session:changed', data);
    }
    place = { cursor: page.next, no: page.ringFrom };
    return text;
  }

  /** Settles with the next event, after a while, or when the client has left. */
  function wait(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      const stopListening = log.onEvent(done);
      const cancel = clock.schedule(done, forMs);
      stopWaiting = done;
      function done(): void {
        stopListening();
        cancel();
        stopWaiting = () => {};
        resolve();
      }
    });
  }

  /** Takes the client's place along, so that it never grows older than what is kept. */
  function beat(): string {
    const newest = log.newest();
    if (place.no === newest.no && twice.size === 0) place = newest;
    return `: beat\nid: ${log.idOf(resumeAt())}\n\n`;
  }

  /** What the client is to come back with: by the ring alone it would hear once more what came from the history. */
  function resumeAt(): Place {
    return twice.size > 0 ? { ...place, no: null } : place;
  }

  async function next(): Promise<string> {
    const beatAtMs = clock.monotonicMs() + BEAT_MS;
    while (!over) {
      const text = place.no === null ? await readHistory() : readRing(place.no);
      if (text !== null && text !== '') return text;
      if (clock.monotonicMs() >= beatAtMs) return beat();
      if (text === null) await wait(place.no === null ? AGAIN_MS : BEAT_MS);
    }
    return '';
  }

  return new ReadableStream(
    {
      async pull(controller) {
        let text = '';
        if (!started) {
          // Not before somebody reads: what answers HEAD, or what nobody ever took, holds nothing.
          close = () => {
            end();
            if (closed) return;
            closed = true;
            controller.close();
          };
          if (stopping?.aborted || params.onStart() === false) return close();
          started = true;
          untilMs = clock.monotonicMs() + LONGEST_MS;
          const opened = feed.open();
          signal.addEventListener('abort', end);
          // Not by `end` alone: this reading may wait for a store that does not answer.
          stopping?.addEventListener('abort', close);
          if (signal.aborted) end();
          await opened;
          if (closed) return;
          const begun = begin();
          // The id first: a client that hears of nothing before it is cut off knows where to go on all the same.
          text = `retry: ${RETRY_MS}\nid: ${log.idOf(resumeAt())}\n\n${begun}`;
        } else if (clock.monotonicMs() < untilMs) {
          text = await next();
        }
        if (closed) return;
        if (text !== '') return controller.enqueue(encoder.encode(text));
        close();
      },
      cancel() {
        closed = true;
        end();
      },
    },
    { highWaterMark: 0 },
  );

  function frame(at: Place, name: string, data: object): string {
    // JSON has no line break in it, so one `data` line is enough.
    return `id: ${log.idOf(at)}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
  }
}
