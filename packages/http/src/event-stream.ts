/**
 * One client's server-sent events. It keeps a place in the log and reads on only when the client has taken what was sent, so a slow one costs
 * nothing: it misses events and is told so. Once it leaves, nothing of it is left.
 */
import type { Clock } from '@wa-sync/core';
import type { EventLog, LoggedEvent } from './event-log.js';

/** A line goes out this often, so that nothing on the way takes the connection for dead. */
const BEAT_MS = 15_000;
/** Then the client comes again by itself: who was refused meanwhile must not listen for ever. */
const LONGEST_MS = 3_600_000;
/** How long a browser waits before it comes again. */
const RETRY_MS = 3_000;
/** Events put into one piece. */
const BATCH = 100;

export function openEventStream(params: {
  log: EventLog;
  clock: Clock;
  /** The last id that the client has seen; `null`: it wants what comes from now on. */
  lastId: string | null;
  /** Whether this client may know of an event. */
  sees(event: LoggedEvent): boolean;
  signal: AbortSignal;
  /** Somebody reads now. */
  onStart(): void;
  /** Nobody does any more; called once, and never without `onStart`. */
  onEnd(): void;
}): ReadableStream<Uint8Array> {
  const { log, clock, lastId, sees, signal } = params;
  const encoder = new TextEncoder();
  const now = log.open();
  let place = lastId === null ? now : (log.numberOf(lastId) ?? -1);
  let started = false;
  let over = false;
  let cancelled = false;
  let untilMs = 0;
  let stopWaiting = () => {};

  function end(): void {
    if (over) return;
    over = true;
    stopWaiting();
    signal.removeEventListener('abort', end);
    if (started) params.onEnd();
  }

  /** What there is for this client beyond its place. */
  function read(): string {
    let text = '';
    for (let taken = 0; taken < BATCH; ) {
      const event = place < 0 ? 'missed' : log.after(place);
      if (event === null) break;
      if (event === 'missed') {
        place = log.newest();
        text += frame(log.idOf(place), 'missed', { resumeFrom: 'now' });
        continue;
      }
      place = event.no;
      if (!sees(event)) continue;
      text += frame(log.idOf(event.no), event.name, event.data);
      taken += 1;
    }
    return text;
  }

  /** Settles with the next event, after a while, or when the client has left. */
  function wait(): Promise<void> {
    return new Promise((resolve) => {
      const stopListening = log.onEvent(done);
      const cancel = clock.schedule(done, BEAT_MS);
      stopWaiting = done;
      function done(): void {
        stopListening();
        cancel();
        stopWaiting = () => {};
        resolve();
      }
    });
  }

  async function next(): Promise<string> {
    const beatAtMs = clock.monotonicMs() + BEAT_MS;
    for (;;) {
      const text = read();
      if (text !== '' || over) return text;
      if (clock.monotonicMs() >= beatAtMs) return ': beat\n\n';
      await wait();
    }
  }

  return new ReadableStream(
    {
      async pull(controller) {
        if (!started) {
          // Not before somebody reads: what answers HEAD, or what nobody ever took, holds nothing.
          started = true;
          untilMs = clock.monotonicMs() + LONGEST_MS;
          params.onStart();
          signal.addEventListener('abort', end);
          if (signal.aborted) end();
          controller.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n${read()}`));
          return;
        }
        const text = clock.monotonicMs() < untilMs ? await next() : '';
        if (cancelled) return;
        if (text !== '') return controller.enqueue(encoder.encode(text));
        end();
        controller.close();
      },
      cancel() {
        cancelled = true;
        end();
      },
    },
    { highWaterMark: 0 },
  );
}

/** JSON has no line break in it, so one `data` line is enough. */
function frame(id: string, name: string, data: object): string {
  return `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
