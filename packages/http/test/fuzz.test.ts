import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttpHandler, PROBLEMS, ROUTES, toNodeHandler } from '../src/index.js';
import { type Listening, listen } from './listen.js';
import { startWorld, TOKEN, type World } from './start-world.js';

const NUMBER = '5511987654321';
const RUNS = Number(process.env.FUZZ_RUNS ?? 1_000);

/** Raw bytes in, the whole answer out; a server that hangs up says nothing. */
function exchange(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

const junk = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('%', '%00', '%2F', '..', '\0', NUMBER, TOKEN),
);
const path = fc.oneof(
  fc.constantFrom(...ROUTES.map((route) => `/whatsapp${route.path}`)),
  fc
    .tuple(fc.constantFrom('/whatsapp/sessions/', '/whatsapp/runs/', '/', '//', ''), junk)
    .map((parts) => parts.join('')),
);
const query = fc.oneof(
  fc.constant(''),
  fc.tuple(fc.constantFrom('sessionId', 'limit', 'after', NUMBER), junk).map(([key, value]) => `?${key}=${value}`),
);
const method = fc.constantFrom(
  'GET',
  'GET',
  'GET',
  'POST',
  'POST',
  'POST',
  'HEAD',
  'PUT',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'FOO',
);
const usual = fc.constantFrom(
  `authorization: Bearer ${TOKEN}`,
  `x-api-key: ${TOKEN}`,
  `authorization: Bearer ${TOKEN}x`,
  'prefer: wait=0',
  'content-type: application/json',
  'content-encoding: gzip',
  'host: [bad',
  'x-original-url: /whatsapp/force-sync',
);
// Node's own parser refuses most requests that have these.
const framing = fc.constantFrom(
  'transfer-encoding: chunked',
  'content-length: 3',
  'content-length: 90000',
  'expect: 100-continue',
);
const header = fc.oneof(
  { arbitrary: usual, weight: 12 },
  { arbitrary: framing, weight: 1 },
  { arbitrary: junk.map((value) => `x-junk: ${value.replace(/[^\t -~]/g, '?')}`), weight: 3 },
);
const body = fc.oneof(
  fc.constantFrom('', '{}', '{', '[]', 'null', `{"${NUMBER}":1}`, '{"__proto__":{"a":1}}', '0\r\n\r\n', 'ffffff\r\nx'),
  fc.json(),
  junk,
);

describe('requests that nobody expects', () => {
  let world: World;
  let server: Listening;
  const logged: string[] = [];

  beforeAll(async () => {
    world = await startWorld();
    const log = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`);
    const logger = { debug: log, info: log, warn: log, error: log };
    const options = { auth: { tokens: [TOKEN] }, rateLimit: { perMinute: 1_000_000 }, logger };
    server = await listen(toNodeHandler(createHttpHandler(world.wa, options)));
  });
  afterAll(async () => {
    await server?.close();
    await world?.stop();
  });

  it('are answered with what is declared, and tell no secret', async () => {
    const declared = new Set<number>([200, 202, ...Object.values(PROBLEMS).map(({ status }) => status)]);
    // Node's own parser answers these before the request gets to us.
    for (const status of [400, 100, 431, 417]) declared.add(status);
    const seen = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(
        method,
        path,
        query,
        fc.array(header, { maxLength: 6 }),
        body,
        async (verb, at, asked, headers, sent) => {
          const target = `${at}${asked}`.replace(/[\s\r\n]/g, '+');
          const lines = [`${verb} ${target} HTTP/1.1`, 'host: here', 'connection: close', ...headers];
          const length = headers.some((line) => /^(content-length|transfer-encoding)/.test(line))
            ? []
            : [`content-length: ${Buffer.byteLength(sent)}`];
          const bytes = Buffer.from([...lines, ...length, '', sent].join('\r\n'));
          const answer = await exchange(server.port, bytes);
          if (answer === '') return;
          const status = Number(/^HTTP\/1.1 (\d{3})/.exec(answer)?.[1]);

          seen.set(status, (seen.get(status) ?? 0) + 1);
          expect(declared).toContain(status);
          expect(status).not.toBe(500);
          expect(answer).not.toContain(TOKEN);
          expect(answer).not.toContain(NUMBER);
        },
      ),
      { numRuns: RUNS },
    );
    // Requests that all fail at the door would show nothing.
    for (const status of [200, 400, 401, 404, 405, 422]) expect(seen.get(status) ?? 0).toBeGreaterThan(0);
    expect(logged.join('\n')).not.toContain(TOKEN);
    expect(logged.join('\n')).not.toContain(NUMBER);
    const alive = await fetch(`${server.origin}/whatsapp/status`, { headers: { 'x-api-key': TOKEN } });
    expect(alive.status).toBe(200);
  }, 120_000);
});
