import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createMemoryStore, createWaSync, EVENT_NAMES, WaSyncError, type WaSyncEventName } from '@wa-sync/core';
import { createManualClock } from '@wa-sync/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEventFeed } from '../src/events/event-feed.js';
import { openEventStream } from '../src/events/event-stream.js';
import { type Access, createHttpHandler, type HttpOptions, toNodeHandler, type WaSyncLike } from '../src/index.js';
import { listen } from './listen.js';
import { startWorld, type World } from './start-world.js';

/** An emitter in the place of a replica: what is sent is what these tests are about. */
function createSource() {
  const listeners = new Map<string, ((payload: never) => unknown)[]>();
  const on: WaSyncLike['on'] = (name, listener) => {
    listeners.set(name, [...(listeners.get(name) ?? []), listener]);
    return () => {};
  };
  return {
    on,
    emit: (name: WaSyncEventName, payload: object) => {
      for (const listener of listeners.get(name) ?? []) listener({ at: new Date(0), ...payload } as never);
    },
    listeners: () => [...listeners.values()].flat().length,
  };
}

interface Client {
  readonly response: IncomingMessage;
  /** Reads until the text has `words` in it, and returns all that came. */
  until(words: string): Promise<string>;
  leave(): void;
}

/** A client over a real socket. */
function connect(url: string, headers: Record<string, string> = {}): Promise<Client> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, { headers }, (response) => {
      let text = '';
      let check = () => {};
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        check();
      });
      response.on('error', () => {});
      resolve({
        response,
        until: (words) =>
          new Promise((found) => {
            check = () => text.includes(words) && found(text);
            check();
          }),
        leave: () => outgoing.destroy(),
      });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** Probes are not sent: there are too many of them. */
const PUBLISHED = EVENT_NAMES.length - 1;
const idsOf = (text: string) => [...text.matchAll(/^id: (\S+)$/gm)].map(([, id]) => id ?? '');

describe('GET /events over a socket', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world.stop());

  async function open(options: HttpOptions = { auth: 'none' }) {
    const server = await listen(toNodeHandler(createHttpHandler(world.wa, options)));
    return { url: `${server.origin}/whatsapp/events`, close: server.close };
  }

  it('sends what happens, goes on after an id, and says what it does not know any more', async () => {
    const { id, connection } = await world.addSession();
    const server = await open();
    try {
      const first = await connect(server.url);
      await first.until('retry: ');
      expect(first.response.headers).toMatchObject({
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store, no-transform',
        'x-content-type-options': 'nosniff',
      });
      connection.script.close('lost');
      await world.wa.syncNow(id);
      const text = await first.until('event: session:changed');
      expect(text).toMatch(new RegExp(`data: \\{[^\\n]*"sessionId":"${id}"[^\\n]*"to":"RECONNECTING"[^\\n]*\\}\\n\\n`));
      first.leave();
      connection.script.open();
      await world.wa.syncNow(id);
      const seen = idsOf(text).at(-1) ?? '';
      const again = await connect(server.url, { 'last-event-id': seen });
      const rest = await again.until('"to":"CONNECTED"');
      expect(rest.match(/^event: session:changed$/gm)).toHaveLength(1);
      expect(idsOf(rest)).toEqual([(await world.wa.history.since()).next]);
      expect(rest).not.toContain('event: missed');
      again.leave();
      const other = await connect(server.url, { 'last-event-id': 'of-another-store' });
      expect(await other.until('event: missed')).toContain('data: {"resumeFrom":"now"}');
      other.leave();
    } finally {
      await server.close();
    }
  });

  it('answers HEAD without a stream, and 401 without a token', async () => {
    const server = await open({ auth: { tokens: ['a-token-of-good-length'] } });
    try {
      const headers = { 'x-api-key': 'a-token-of-good-length' };
      const head = await fetch(server.url, { method: 'HEAD', headers });
      expect([head.status, await head.text()]).toEqual([200, '']);
      expect((await fetch(server.url)).status).toBe(401);
    } finally {
      await server.close();
    }
  });

  it('keeps nothing of clients that leave, and lets others in again', async () => {
    const source = createSource();
    const clock = createManualClock();
    const feed = createEventFeed({ wa: { on: source.on }, history: world.wa.history, clock });
    let streaming = 0;
    const server = await listen(
      toNodeHandler({
        async answer(ask) {
          const stream = openEventStream({
            feed,
            clock,
            lastId: null,
            sees: () => true,
            signal: ask.signal(),
            onStart: () => (streaming += 1),
            onEnd: () => (streaming -= 1),
          });
          return { status: 200, headers: {}, body: stream };
        },
      }),
    );
    try {
      const clients = await Promise.all(Array.from({ length: 20 }, () => connect(server.origin)));
      await Promise.all(clients.map((client) => client.until('retry: ')));
      // One for each to wait with, and the one reader's.
      expect([streaming, clock.pendingTimers]).toEqual([20, 21]);
      for (const client of clients) client.leave();
      await expect.poll(() => [streaming, clock.pendingTimers]).toEqual([0, 0]);
      expect(source.listeners()).toBe(PUBLISHED);
    } finally {
      await server.close();
    }
  });
});

describe('a stream of events, of a store that keeps no history', () => {
  const clock = createManualClock();
  const world = createWaSync({ store: createMemoryStore() });

  function open(access: Access = { role: 'viewer', sessionIds: 'all' }, options: Partial<HttpOptions> = {}) {
    const source = createSource();
    const since = () => Promise.reject(new WaSyncError('not_supported', 'This store keeps no history'));
    const handler = createHttpHandler(
      { ...world, history: { since }, on: source.on },
      { auth: () => access, clock, ...options },
    );
    const ask = (headers: Record<string, string> = {}, signal?: AbortSignal) =>
      handler(new Request('http://localhost/whatsapp/events', { headers, ...(signal ? { signal } : {}) }));
    return { source, ask };
  }

  async function readerOf(response: Response) {
    const reader = response.body!.getReader();
    const decoder = new TextDecoder();
    return { read: async () => decoder.decode((await reader.read()).value), cancel: () => reader.cancel() };
  }

  it('listens to nothing before somebody asks', async () => {
    const { source, ask } = open();
    expect(source.listeners()).toBe(0);
    const [one, two] = [await readerOf(await ask()), await readerOf(await ask())];
    expect(source.listeners()).toBe(0);
    await Promise.all([one.read(), two.read()]);
    expect(source.listeners()).toBe(PUBLISHED);
    await Promise.all([one.cancel(), two.cancel()]);
  });

  it('sends to a narrowed caller its own sessions only', async () => {
    const { source, ask } = open({ role: 'viewer', sessionIds: ['mine'] });
    const { read, cancel } = await readerOf(await ask());
    await read();
    source.emit('ownership:gained', { sessionId: 'other' });
    source.emit('lease:lost', { why: 'fenced' });
    source.emit('job:started', { job: 'sync', slot: null });
    source.emit('ownership:gained', { sessionId: 'mine' });
    const text = await read();
    expect(text.match(/^event: .*$/gm)).toEqual(['event: ownership:gained']);
    expect(text).toContain('"sessionId":"mine"');
    await cancel();
  });

  it('hides numbers and the words of errors', async () => {
    const { source, ask } = open();
    const { read, cancel } = await readerOf(await ask());
    await read();
    const detail = 'of 5511912345678';
    source.emit('session:changed', { sessionId: 's', from: 'CONNECTED', to: 'ERROR', reason: { code: 'x', detail } });
    source.emit('job:failed', { job: 'sync', slot: null, error: new Error('secret 5511912345678') });
    source.emit('job:failed', { job: 'sync', slot: new Date(5), error: new WaSyncError('store_timeout', 'secret') });
    source.emit('job:failed', { job: 'sync', slot: null, error: 'lease_lost' });
    const text = await read();
    expect(text).toContain('…5678');
    expect(text).not.toContain('5511912345678');
    expect(text).not.toContain('secret');
    expect(text.match(/"error":"(\w+)"/g)).toEqual([
      '"error":"internal_error"',
      '"error":"store_timeout"',
      '"error":"lease_lost"',
    ]);
    expect(text).toContain('"slot":"1970-01-01T00:00:00.005Z"');
    await cancel();
  });

  it('lets 1,000 events wait for a slow client, and says so where it left some out', async () => {
    const { source, ask } = open();
    const slow = await readerOf(await ask());
    await slow.read();
    const emit = (count: number) => {
      for (let at = 0; at < count; at += 1) source.emit('ownership:gained', { sessionId: `s${at}` });
    };
    emit(1_000);
    const all = await slow.read();
    expect(all.match(/^event: ownership:gained$/gm)).toHaveLength(1_000);
    expect(all).not.toContain('event: missed');
    emit(5_000);
    const rest = await slow.read();
    expect(rest).toMatch(/^event: missed\ndata: {"resumeFrom":"now"}\n\n/);
    expect(rest.match(/^event: /gm)!.length).toBeLessThanOrEqual(1_001);
    expect(rest).toContain('"sessionId":"s4999"');
    source.emit('ownership:gained', { sessionId: 'after' });
    expect(await slow.read()).toContain('"sessionId":"after"');
    await slow.cancel();
  });

  it('gives changes of sessions no id, and says so to a client that comes back', async () => {
    const { source, ask } = open();
    const client = await readerOf(await ask());
    const [seen = ''] = idsOf(await client.read());
    source.emit('session:changed', { sessionId: 's', from: 'CONNECTED', to: 'ERROR', reason: null });
    expect(await client.read()).toMatch(/^event: session:changed\ndata: {[^\n]*}\n\n$/);
    await client.cancel();
    const again = await readerOf(await ask({ 'last-event-id': seen }));
    expect(await again.read()).toContain('event: missed\ndata: {"resumeFrom":"now"}\n\n');
    await again.cancel();
  });

  it('sends a line while nothing happens, and ends after an hour', async () => {
    const { ask } = open();
    const { read } = await readerOf(await ask());
    await read();
    const beat = read();
    await clock.settle();
    await clock.advance(15_000);
    expect(await beat).toMatch(/^: beat\nid: \S+\n\n$/);
    const late = read();
    await clock.settle();
    await clock.advance(3_600_000);
    expect(await late).toMatch(/^: beat\n/);
    expect(await read()).toBe('');
    expect(clock.pendingTimers).toBe(0);
  });

  it('ends when the request is aborted', async () => {
    const { ask } = open();
    const leaving = new AbortController();
    const { read } = await readerOf(await ask({}, leaving.signal));
    await read();
    const next = read();
    await clock.settle();
    leaving.abort();
    expect(await next).toBe('');
    expect(clock.pendingTimers).toBe(0);
  });

  it('gives one caller 100 streams at most, and all together 500', async () => {
    let id = '';
    const { ask } = open(undefined, { auth: () => ({ role: 'viewer', sessionIds: 'all', id }) });
    const readers: Awaited<ReturnType<typeof readerOf>>[] = [];
    for (let caller = 0; caller < 5; caller += 1) {
      id = `caller ${caller}`;
      // At once: none may slip in between another's check and its first read.
      const answers = await Promise.all(Array.from({ length: 120 }, () => ask()));
      const taken = await Promise.all(answers.map(readerOf));
      const texts = await Promise.all(taken.map(({ read }) => read()));
      expect(texts.filter((text) => text.startsWith('retry: '))).toHaveLength(100);
      readers.push(...taken);
      const refused = await ask();
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '30']);
    }
    id = 'another';
    expect((await ask()).status).toBe(429);
    await Promise.all(readers.map(({ cancel }) => cancel()));
    expect((await ask()).status).toBe(200);
    // One that had taken all of its own has them back, too.
    id = 'caller 0';
    expect((await ask()).status).toBe(200);
  });

  it('takes other limits', async () => {
    const { ask } = open(undefined, { eventStreams: { perCaller: 2, total: 3 } });
    const readers = await Promise.all([ask(), ask()].map(async (answer) => readerOf(await answer)));
    await Promise.all(readers.map(({ read }) => read()));
    expect((await ask()).status).toBe(429);
    await Promise.all(readers.map(({ cancel }) => cancel()));
  });

  it('ends its streams when the replica stops, also while the store does not answer, and opens none afterwards', async () => {
    const replica = createWaSync({ store: createMemoryStore() });
    const since = () => new Promise<never>(() => {});
    const handler = createHttpHandler({ ...replica, history: { since } }, { auth: 'none', clock });
    const ask = () => handler(new Request('http://localhost/whatsapp/events'));
    const waiting = await readerOf(await ask());
    const next = waiting.read();
    await clock.settle();
    const { ask: askOther } = open();
    const other = await readerOf(await askOther());
    await other.read();
    await replica.stop();
    expect(await next).toBe('');
    expect((await ask()).status).toBe(503);
    await other.cancel();
    expect(clock.pendingTimers).toBe(0);
  });
});
