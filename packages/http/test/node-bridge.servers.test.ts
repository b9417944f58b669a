import { connect } from 'node:net';
import { silentLogger } from '@wa-sync/core';
import { describe, expect, it } from 'vitest';
import { createHttpHandler, type HttpHandler, toNodeHandler, type WaSyncLike } from '../src/index.js';
import type { Reply } from '../src/reply/make-reply.js';
import { listen } from './listen.js';

/** Sends bytes as they are and reads until the server ends the connection. */
function exchange(port: number, head: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(head));
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}

async function withServer<T>(
  listener: Parameters<typeof listen>[0],
  run: (port: number, origin: string) => Promise<T>,
) {
  const server = await listen(listener);
  try {
    return await run(server.port, server.origin);
  } finally {
    await server.close();
  }
}

type Answer = HttpHandler['answer'];
const reply = (body: Reply['body']): Reply => ({ status: 200, headers: {}, body });
/** What the host's own functions see. */
const tellUrl: Answer = async (ask) => reply(JSON.stringify({ url: ask.request().url }));
const close = 'connection: close\r\n\r\n';

describe('toNodeHandler', () => {
  it.each([
    ['/a?b=c', 'host: example.org:81', 'http://example.org:81/a?b=c'],
    ['//evil.example/status', 'host: here', 'http://here//evil.example/status'],
    ['http://other/status', 'host: here', 'http://other/status'],
    ['/a', 'host: evil.example/path#', 'http://localhost/a'],
    ['/a', 'host: user@evil.example', 'http://localhost/a'],
    ['/a', 'host: ', 'http://localhost/a'],
    ['/a', 'host: [bad', 'http://localhost/a'],
    ['http://[bad/a', 'host: here', 'http://localhost/a'],
  ])('reads the target %s with %s', async (target, host, url) => {
    await withServer(toNodeHandler({ answer: tellUrl }), async (port) => {
      const answer = await exchange(port, `GET ${target} HTTP/1.1\r\n${host}\r\n${close}`);
      expect(answer).toContain(JSON.stringify({ url }));
    });
  });

  it.each([
    ['OPTIONS * HTTP/1.1', 404],
    ['TRACE /whatsapp/status HTTP/1.1', 405],
    ['GET http://[bad HTTP/1.1', 404],
    ['GET http://[bad/whatsapp/health/live HTTP/1.1', 200],
    ['GET //whatsapp/health/live HTTP/1.1', 404],
    ['GET /whatsapp/x/../health/live HTTP/1.1', 404],
    ['GET /whatsapp/health/live/?a#b HTTP/1.1', 200],
    ['GET /whatsapphealth/live HTTP/1.1', 404],
  ])('answers %s with %i', async (line, status) => {
    const handler = createHttpHandler({ logger: silentLogger } as WaSyncLike, { auth: 'none' });
    await withServer(toNodeHandler(handler), async (port) => {
      const answer = await exchange(port, `${line}\r\nhost: x\r\n${close}`);
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      if (status === 405) expect(answer.toLowerCase()).toContain('allow: get, head');
    });
  });

  it.each([
    ['an object', { a: 1 }, '{"a":1}'],
    ['a text', '{"a":2}', '{"a":2}'],
    ['bytes', Buffer.from('{"a":3}'), '{"a":3}'],
    ['nothing', undefined, ''],
  ])('takes a body that a parser has left as %s', async (_, body, text) => {
    const bridge = toNodeHandler({ answer: async (ask) => reply(await ask.request().text()) });
    const listener: Parameters<typeof listen>[0] = (incoming, outgoing) => {
      incoming.resume().on('end', () => bridge(Object.assign(incoming, { body }), outgoing));
    };
    await withServer(listener, async (_port, origin) => {
      expect(await (await fetch(origin, { method: 'POST', body: 'as sent' })).text()).toBe(text);
    });
  });

  it('streams what has no length, with the headers of those in front, and stops when the client leaves', async () => {
    let cancelled = () => {};
    const stopped = new Promise<void>((resolve) => {
      cancelled = resolve;
    });
    let signal = () => {};
    const signalled = new Promise<void>((resolve) => {
      signal = resolve;
    });
    const answer: Answer = async (ask) => {
      ask.signal().addEventListener('abort', () => signal());
      return reply(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode('first')),
          cancel: () => cancelled(),
        }),
      );
    };
    const bridge = toNodeHandler({ answer });
    const listener: Parameters<typeof listen>[0] = (incoming, outgoing) => {
      // Headers that something in front has set go out too.
      outgoing.setHeader('set-cookie', ['a=1', 'b=2']);
      bridge(incoming, outgoing);
    };
    await withServer(listener, async (_port, origin) => {
      const leaving = new AbortController();
      const response = await fetch(origin, { signal: leaving.signal });
      expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
      const first = await response.body?.getReader().read();
      expect(new TextDecoder().decode(first?.value)).toBe('first');
      leaving.abort();
      await Promise.all([stopped, signalled]);
    });
  });

  it('refuses a body by its announced length, without waiting for it', async () => {
    const handler = createHttpHandler({ logger: silentLogger } as WaSyncLike, { auth: 'none' });
    await withServer(toNodeHandler(handler), async (port) => {
      const head = `POST /whatsapp/force-sync HTTP/1.1\r\nhost: x\r\ncontent-length: 90000\r\n${close}`;
      expect(await exchange(port, head)).toMatch(/^HTTP\/1.1 413 /);
    });
  });

  it('takes no more of a connection that pipelines than was read once, and answers all in the end, in order', async () => {
    const all = 20_000;
    let asked = 0;
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const answer: Answer = async (ask) => {
      asked += 1;
      await gate;
      return reply(ask.query);
    };
    await withServer(toNodeHandler({ answer }), async (port) => {
      const text = Array.from({ length: all }, (_, at) => `GET /?${at} HTTP/1.1\r\nhost: x\r\n\r\n`).join('');
      let bodies = '';
      const socket = connect(port, '127.0.0.1', () => socket.write(text));
      socket.setEncoding('latin1').on('data', (part: string) => {
        bodies += part;
      });
      // Until nothing more comes in.
      let before = -1;
      while (before !== asked || asked === 0) {
        before = asked;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      expect(asked).toBeLessThan(5_000);
      open();
      await expect.poll(() => bodies.endsWith(`${all - 1}\r\n0\r\n\r\n`), { timeout: 15_000 }).toBe(true);
      expect(asked).toBe(all);
      const numbers = [...bodies.matchAll(/\r\n(\d+)\r\n0\r\n\r\n/g)].map(([, number]) => Number(number));
      expect(numbers).toEqual(Array.from({ length: all }, (_, at) => at));
      socket.destroy();
    });
  });

  it('ends the connection of a handler that throws, and lives on', async () => {
    let fail = true;
    const answer: Answer = async () => {
      if (fail) throw new Error('no');
      return reply('yes');
    };
    await withServer(toNodeHandler({ answer }), async (_port, origin) => {
      await expect(fetch(origin)).rejects.toThrow();
      fail = false;
      expect(await (await fetch(origin)).text()).toBe('yes');
    });
  });

  it('gives an error of the handler to next', async () => {
    const answer: Answer = async () => {
      throw new Error('no');
    };
    const bridge = toNodeHandler({ answer });
    await withServer(
      (incoming, outgoing) => bridge(incoming, outgoing, (error) => outgoing.end(String(error))),
      async (_port, origin) => expect(await (await fetch(origin)).text()).toBe('Error: no'),
    );
  });

  it('finds the mount path of frameworks that only cut the url', async () => {
    const seen: unknown[] = [];
    const bridge = toNodeHandler({
      async answer(ask, context) {
        seen.push([ask.path, context?.basePath]);
        return reply('');
      },
    });
    const listener: Parameters<typeof listen>[0] = (incoming, outgoing) => {
      const originalUrl = incoming.url ?? '';
      bridge(Object.assign(incoming, { originalUrl, url: originalUrl.replace('/cut', '') }), outgoing);
    };
    await withServer(listener, async (_port, origin) => {
      await fetch(`${origin}/cut/status?x=1`);
      await fetch(`${origin}/status`);
    });
    expect(seen).toEqual([
      ['/cut/status', '/cut'],
      ['/status', undefined],
    ]);
  });
});
