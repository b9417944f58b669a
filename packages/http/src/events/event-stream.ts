/**
 * One client's server-sent events. It keeps a place in the store's history and reads on only when the client has taken
 * what was sent, so a slow one misses no change of a session and costs nothing. Of events that are not in the history
 * a bounded number waits for it. Once it leaves, nothing of it is left.
 */
import type { Clock } from '@wa-sync/core';
import { type EventFeed, type Frame, frameOf, type Page } from './event-feed.js';

/** A line goes out this often, so that nothing on the way takes the connection for dead. */
const BEAT_MS = 15_000;
/** Then the client comes again by itself: who was refused meanwhile must not listen for ever. */
const LONGEST_MS = 3_600_000;
/** How long a browser waits before it comes again. */
const RETRY_MS = 3_000;
/** Events that wait for a client. One batch of sessions makes so many at once; all streams share their texts. */
const WAITING = 1_000;
/** A place that no store gave out: a client that comes back with it gets `missed`. */
const NOWHERE = 'nowhere';

export function openEventStream(params: {
  feed: EventFeed;
  clock: Clock;
  /** The last id that the client has seen; `null`: it wants what comes from now on. */
  lastId: string | null;
  /** Whether this client may know of an event. */
  sees(event: Pick<Frame, 'sessionId'>): boolean;
  signal: AbortSignal;
  /** Aborts when the replica stops: the stream ends, so that the server that carries it can close. */
  stopping?: AbortSignal | undefined;
  /** Somebody reads now; `false` where there is no place left, and the stream ends at once. */
  onStart(): unknown;
  /** Nobody does any more; called once, and never without an `onStart` that took a place. */
  onEnd(): void;
}): ReadableStream<Uint8Array> {
  const { feed, clock, lastId, sees, signal, stopping } = params;
  const encoder = new TextEncoder();
  /** All changes up to here were sent. */
  let place = NOWHERE;
  /** Read for this stream alone, not sent yet. */
  let own: Page | null = null;
  let amid = false;
  let reading = false;
  let waiting: string[] = [];
  let started = false;
  let over = false;
  let closed = false;
  let close = () => {};
  let untilMs = 0;
  let beatAtMs = 0;
  let notify = () => {};

  const fed = {
    push(frame: Frame): void {
      if (!sees(frame)) return;
      if (waiting.length > WAITING) waiting = [missed('now')];
      waiting.push(frame.text);
      notify();
    },
    notify: () => notify(),
  };

  function end(): void {
    if (over) return;
    over = true;
    notify();
    signal.removeEventListener('abort', end);
    stopping?.removeEventListener('abort', close);
    if (!started) return;
    feed.close(fed);
    params.onEnd();
  }

  function begin(): string {
    if (feed.isStored()) place = lastId ?? feed.tail() ?? NOWHERE;
    beatAtMs = clock.monotonicMs() + BEAT_MS;
    const lost = lastId !== null && !feed.isStored() ? missed('now') : '';
    return `retry: ${RETRY_MS}\n${idOfPlace()}\n${lost}`;
  }

  /**
   * Where the client is to go on, though it heard of no change: it may be cut off before it does. What it came with is
   * not sent back, because that may be any text.
   */
  function idOfPlace(): string {
    return place === lastId ? '' : `id: ${place}\n`;
  }

  function takeWaiting(): string {
    const text = waiting.join('');
    waiting = [];
    return text;
  }

  /** The next changes; none where the client has them all, and while they are read. */
  function takeChanges(): string {
    let text = '';
    while (text === '' && feed.isStored() && place !== feed.tail() && !reading) {
      const page = own ?? feed.keptAfter(place);
      own = null;
      if (page) text = take(page);
      else readOwn();
    }
    return text;
  }

  function take({ changes, next, missed: lost, more }: Page): string {
    place = next;
    amid = more;
    const seen = changes.filter(sees).map(({ text }) => text);
    if (lost) seen.unshift(changes.length > 0 ? missed('oldest') : missed('now', next));
    return seen.join('');
  }

  /** Where the store does not answer, the next notification of this stream asks it again. */
  function readOwn(): void {
    reading = true;
    void feed.pageAfter(place, { amid }).then((page) => {
      reading = false;
      own = page;
      if (page) notify();
    });
  }

  /** Takes the client's place along, so that it never grows older than what is kept. */
  function beat(): string {
    const nowMs = clock.monotonicMs();
    if (nowMs < beatAtMs) return '';
    beatAtMs = nowMs + BEAT_MS;
    return `: beat\n${idOfPlace()}\n`;
  }

  async function next(): Promise<string> {
    while (!over) {
      const text = takeWaiting() + takeChanges() + beat();
      if (text !== '') return text;
      await wait(beatAtMs - clock.monotonicMs());
    }
    return '';
  }

  function wait(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = clock.schedule(done, forMs);
      notify = done;
      function done(): void {
        cancel();
        notify = () => {};
        resolve();
      }
    });
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
          const opened = feed.open(fed);
          signal.addEventListener('abort', end);
          // Not by `end` alone: this reading may wait for a store that does not answer.
          stopping?.addEventListener('abort', close);
          if (signal.aborted) end();
          await opened;
          if (closed) return;
          text = begin();
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
}

/** Says that something was left out: before the oldest change that is kept, or before what comes now. */
function missed(resumeFrom: 'oldest' | 'now', id?: string): string {
  return frameOf('missed', { resumeFrom }, id);
}
