import type { Transition, TransitionFeed, WaSyncEventName } from '@wa-sync/core';
import { createManualClock, createSeededRandom, type ManualClock } from '@wa-sync/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { createEventFeed } from '../src/events/event-feed.js';
import { openEventStream } from '../src/events/event-stream.js';

/** A history whose cursor of now is another one with each reading, as on a Postgres that others write to. */
function createHistory() {
  const entries: Transition[] = [];
  let readings = 0;
  let forgotten = 0;
  const history = {
    /** Called in each reading, before and after what it answers was settled. */
    onReading: async (): Promise<void> => {},
    add(count = 1): void {
      for (let at = 0; at < count; at += 1) {
        const no = entries.length + 1;
        const change = { from: 'CONNECTED', to: 'RECONNECTING', evidence: 'observed', health: 'degraded' } as const;
        const sessionId = no % 2 === 0 ? 'even' : 'odd';
        entries.push({ id: `${no}.0`, sessionId, at: new Date(no), ...change, reason: null, owner: null });
      }
    },
    forget(count: number): void {
      forgotten = count;
    },
    readings: () => readings,
    idsAfter: (cursor: string) => entries.slice(placeOf(cursor) ?? 0).map(({ id }) => id),
    async since({
      after = null,
      limit = 100,
    }: {
      after?: string | null;
      limit?: number;
    } = {}): Promise<TransitionFeed> {
      readings += 1;
      const now = `.${readings}`;
      await history.onReading();
      const from = after === null ? entries.length : placeOf(after);
      const known = from !== null && from <= entries.length;
      const begin = known ? Math.max(from, after === null ? 0 : forgotten) : entries.length;
      const transitions = entries.slice(begin, begin + limit);
      const next = transitions.length === limit ? transitions.at(-1)!.id : `${entries.length}${now}`;
      await history.onReading();
      return { transitions, next, missed: !known || (after !== null && from < forgotten) };
    },
  };
  return history;
}

function placeOf(cursor: string): number | null {
  const [, digits] = /^(\d+)\.\d+$/.exec(cursor) ?? [];
  return digits === undefined ? null : Number(digits);
}

describe('the feed of the streams', () => {
  let clock: ManualClock;
  let history: ReturnType<typeof createHistory>;
  let emit: (name: WaSyncEventName, payload: object) => void;
  let feed: ReturnType<typeof createEventFeed>;
  beforeEach(() => {
    clock = createManualClock();
    history = createHistory();
    const listeners = new Map<string, (payload: never) => unknown>();
    emit = (name, payload) => listeners.get(name)?.({ at: new Date(0), ...payload } as never);
    const on = (name: WaSyncEventName, listener: (payload: never) => unknown) => {
      listeners.set(name, listener);
      return () => {};
    };
    feed = createEventFeed({ wa: { on }, history, clock });
  });

  /** A client that takes what is sent as fast as it comes, or only when it is asked to. */
  function connect(lastId: string | null, { slow = false, session = '' } = {}) {
    const leaving = new AbortController();
    const stream = openEventStream({
      feed,
      clock,
      lastId,
      sees: ({ sessionId }) => session === '' || sessionId === session,
      signal: leaving.signal,
      onStart: () => true,
      onEnd: () => {},
    });
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    const client = {
      text: '',
      over: false,
      async take(): Promise<void> {
        const { value = '', done } = await reader.read();
        client.text += value;
        client.over = done;
      },
      async takeAll(): Promise<void> {
        while (!client.over) await client.take();
      },
      changes: () => [...client.text.matchAll(/^id: (\S+)\nevent: session:changed$/gm)].map(([, id]) => id),
      heads: () => [...client.text.matchAll(/^id: (\S+)$/gm)].map(([, id]) => id ?? ''),
      leave: () => leaving.abort(),
    };
    if (!slow) void client.takeAll();
    return client;
  }

  it('sends each change once and in order to clients that come back anywhere while changes never rest', async () => {
    const random = createSeededRandom(11);
    let left = 4_000;
    history.add(1_500);
    history.onReading = async () => {
      for (let turns = Math.floor(random.next() * 3); turns > 0; turns -= 1) await new Promise(setImmediate);
      const count = Math.min(left, Math.floor(random.next() * (random.next() < 0.05 ? 1_300 : 6)));
      history.add(count);
      left -= count;
    };
    const clients: { lastId: string | null; client: ReturnType<typeof connect> }[] = [];
    for (let round = 0; round < 40; round += 1) {
      const all = history.idsAfter('0.0').length;
      const place = random.next() < 0.4 ? all : Math.floor(random.next() * all);
      const lastId = round % 4 === 0 ? null : `${place}.${round}`;
      clients.push({ lastId, client: connect(lastId) });
      if (random.next() < 0.5) emit('session:changed', { sessionId: 'odd' });
      await clock.advance(Math.floor(random.next() * 150));
    }
    history.onReading = async () => {};
    history.add();
    await clock.advance(2_000);
    for (const { lastId, client } of clients) {
      expect(client.changes()).toEqual(history.idsAfter(lastId ?? client.heads()[0]!));
      expect(client.text).not.toContain('event: missed');
      client.leave();
    }
    expect(clock.pendingTimers).toBe(0);
  });

  it('reads the history once a second for all streams at its end', async () => {
    const clients = Array.from({ length: 20 }, () => connect(null));
    await clock.advance(0);
    const before = history.readings();
    for (let second = 0; second < 10; second += 1) {
      history.add(2);
      await clock.advance(1_000);
    }
    expect(history.readings() - before).toBe(10);
    for (const client of clients) expect(client.changes()).toHaveLength(20);
  });

  it('reads once for many clients that come back with one id', async () => {
    history.add(3_500);
    const clients = Array.from({ length: 50 }, () => connect('100.0'));
    await clock.advance(0);
    for (const client of clients) expect(client.changes()).toHaveLength(3_400);
    expect(history.readings()).toBeLessThanOrEqual(10);
  });

  it('publishes a change of this process at once, and a storm of them in ten readings a second', async () => {
    const client = connect(null);
    await clock.advance(500);
    history.add();
    emit('session:changed', { sessionId: 'odd' });
    await clock.advance(0);
    expect(client.changes()).toHaveLength(1);
    const before = history.readings();
    for (let at = 0; at < 200; at += 1) {
      history.add();
      emit('session:changed', { sessionId: 'odd' });
      await clock.advance(5);
    }
    expect(history.readings() - before).toBeLessThanOrEqual(11);
    await clock.advance(100);
    expect(client.changes()).toHaveLength(201);
  });

  it('reads on to the end where there is more than one page', async () => {
    const client = connect(null);
    await clock.advance(500);
    history.add(2_500);
    emit('session:changed', { sessionId: 'odd' });
    await clock.advance(0);
    expect(client.changes()).toHaveLength(2_500);
  });

  it('reads again soon for a change that a reading under way may have been too early for', async () => {
    const client = connect(null);
    await clock.advance(0);
    let late = true;
    history.onReading = async () => {
      // The second time it has read what it returns.
      late = !late;
      if (!late) return;
      history.onReading = async () => {};
      history.add();
      emit('session:changed', { sessionId: 'odd' });
    };
    await clock.advance(1_000);
    expect(client.changes()).toEqual([]);
    await clock.advance(100);
    expect(client.changes()).toEqual(['1.0']);
  });

  it('leaves out no change for a client that takes nothing for long', async () => {
    const client = connect(null, { slow: true });
    await client.take();
    const waiting = client.take();
    for (let minute = 0; minute < 20; minute += 1) {
      history.add(400);
      await clock.advance(60_000);
    }
    await waiting;
    void client.takeAll();
    await clock.advance(0);
    expect(client.changes()).toEqual(history.idsAfter('0.0'));
    expect(client.text).not.toContain('event: missed');
  });

  it('says where the history begins for an id that is older than what is kept', async () => {
    history.add(50);
    history.forget(30);
    const client = connect('10.0');
    await clock.advance(0);
    expect(client.text).toContain('event: missed\ndata: {"resumeFrom":"oldest"}\n\nid: 31.0\nevent: session:changed\n');
    expect(client.changes()).toEqual(history.idsAfter('30.0'));
  });

  it('takes the place of a narrowed client along over changes that it may not see', async () => {
    const client = connect(null, { session: 'even' });
    await clock.advance(0);
    history.add(9);
    await clock.advance(15_000);
    expect(client.changes()).toEqual(['2.0', '4.0', '6.0', '8.0']);
    const [, digits] = /: beat\nid: (\d+)\.\d+\n\n/.exec(client.text) ?? [];
    expect(digits).toBe('9');
  });

  it('goes on with events and comment lines while the store does not answer, and then with the changes', async () => {
    history.add(5);
    history.onReading = () => Promise.reject(new Error('unreachable'));
    const client = connect('2.0');
    await clock.advance(0);
    emit('lease:lost', { why: 'store_unreachable' });
    await clock.advance(15_000);
    expect(client.text.match(/^event: .*$/gm)).toEqual(['event: lease:lost']);
    expect(client.text).toContain(': beat\n\n');
    history.onReading = async () => {};
    await clock.advance(1_000);
    expect(client.changes()).toEqual(['3.0', '4.0', '5.0']);
  });

  it('says so where it does not know from where on a client without an id heard of the changes', async () => {
    history.onReading = () => Promise.reject(new Error('unreachable'));
    const client = connect(null);
    await clock.advance(0);
    history.add(5);
    history.onReading = async () => {};
    await clock.advance(1_000);
    history.add();
    await clock.advance(1_000);
    expect(client.text).toMatch(/event: missed\ndata: {"resumeFrom":"now"}/);
    expect(client.changes()).toEqual(['6.0']);
  });

  it('reads nothing while there is no stream, and the next one begins with what comes then', async () => {
    const first = connect(null);
    await clock.advance(0);
    // In the middle of a reading, whose answer nobody waits for any more.
    history.onReading = async () => first.leave();
    await clock.advance(1_000);
    expect(clock.pendingTimers).toBe(0);
    history.add(3_000);
    const next = connect(null);
    await clock.advance(0);
    history.add();
    await clock.advance(1_000);
    expect(next.changes()).toEqual(['3001.0']);
  });
});
