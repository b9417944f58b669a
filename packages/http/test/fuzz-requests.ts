import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { ROUTES } from '../src/index.js';

/** Words that no answer, log line or metric may ever show. */
export const CANARY_TOKEN = 'canary-token-of-letters-alone';
export const CANARY_NUMBER = '5511987654321';

/** One request as it goes over the wire. */
export interface FuzzedRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** In what pieces, and how long each is held back. */
  readonly pieces: readonly { readonly bytes: Buffer; readonly afterMs: number }[];
  /** How the client ends: by half-closing, or by going away without reading. */
  readonly leaves: boolean;
}

const junk = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('%', '%00', '%2F', '..', '\0', '%C0%AF', CANARY_NUMBER, CANARY_TOKEN),
);

const POSTS = ROUTES.filter((route) => route.method === 'POST').map((route) => `/whatsapp${route.path}`);

const path = fc.oneof(
  { arbitrary: fc.constantFrom(...ROUTES.map((route) => `/whatsapp${route.path}`)), weight: 5 },
  { arbitrary: fc.constantFrom(...POSTS), weight: 3 },
  {
    arbitrary: fc
      .tuple(
        fc.constantFrom('/whatsapp/sessions/', '/whatsapp/runs/', '/', '//', '', 'http://here/whatsapp/'),
        junk,
        fc.constantFrom('', '/history', '/'),
      )
      .map((parts) => parts.join('')),
    weight: 3,
  },
  { arbitrary: fc.constantFrom('/whatsapp/sessions/known', '/whatsapp/sessions/known/history'), weight: 2 },
);

const query = fc.oneof(
  { arbitrary: fc.constant(''), weight: 3 },
  {
    arbitrary: fc
      .tuple(fc.constantFrom('sessionId', 'limit', 'after', 'before', 'job', CANARY_NUMBER, CANARY_TOKEN), junk)
      .map(([key, value]) => `?${key}=${value}`),
    weight: 3,
  },
  { arbitrary: fc.constantFrom('?sessionId=known', '?limit=5', '?before=1', '?after=a'), weight: 2 },
);

const method = fc.oneof(
  { arbitrary: fc.constant('the right one'), weight: 12 },
  { arbitrary: fc.constantFrom('GET', 'POST'), weight: 2 },
  { arbitrary: fc.constantFrom('HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'CONNECT', 'FOO'), weight: 2 },
);

const usual = fc.constantFrom(
  `authorization: Bearer ${CANARY_TOKEN}x`,
  `authorization: Basic ${CANARY_TOKEN}`,
  'prefer: wait=0',
  'prefer: wait=1',
  'content-type: application/json',
  'content-type: application/x-www-form-urlencoded',
  'content-encoding: gzip',
  'content-encoding: br',
  'accept-encoding: gzip, br',
  'last-event-id: 1',
  'host: [bad',
  'x-original-url: /whatsapp/force-sync',
  'x-http-method-override: DELETE',
);
// Node's own parser refuses most requests that have these.
const framing = fc.constantFrom(
  'transfer-encoding: chunked',
  'transfer-encoding: gzip, chunked',
  'content-length: 3',
  'content-length: 90000',
  'expect: 100-continue',
  'upgrade: websocket',
);
const header = fc.oneof(
  { arbitrary: usual, weight: 12 },
  { arbitrary: framing, weight: 1 },
  { arbitrary: junk.map((value) => `x-junk: ${value.replace(/[^\t -~]/g, '?')}`), weight: 2 },
  { arbitrary: junk.map((value) => `last-event-id: ${value.replace(/[^\t -~]/g, '?')}`), weight: 1 },
);

const body: fc.Arbitrary<Buffer> = fc.oneof(
  {
    arbitrary: fc
      .constantFrom(
        '',
        '{}',
        '{',
        '[]',
        'null',
        `{"${CANARY_NUMBER}":1}`,
        `{"${CANARY_TOKEN}":"${CANARY_NUMBER}"}`,
        '{"__proto__":{"a":1}}',
        '{"dryRun":true}',
        '{"dryRun":1}',
        '0\r\n\r\n',
        'ffffff\r\nx',
        '\ufeff{}',
      )
      .map((text) => Buffer.from(text)),
    weight: 6,
  },
  { arbitrary: fc.json().map((text) => Buffer.from(text)), weight: 2 },
  { arbitrary: fc.json().map((text) => gzipSync(text)), weight: 1 },
  { arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)), weight: 1 },
  { arbitrary: fc.constantFrom(16_384, 16_385, 70_000).map((size) => Buffer.alloc(size, '[')), weight: 1 },
);

/** Requests of any kind: odd methods, paths, headers, encodings and bodies, in pieces, slow, cut short. */
export const fuzzedRequest: fc.Arbitrary<FuzzedRequest> = fc
  .record({
    method,
    path,
    query,
    authorized: fc.integer({ min: 0, max: 3 }),
    headers: fc.array(header, { maxLength: 5 }),
    body,
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }),
    pauseMs: fc.oneof(
      { arbitrary: fc.constant(0), weight: 30 },
      { arbitrary: fc.integer({ min: 1, max: 20 }), weight: 1 },
    ),
    leaves: fc.integer({ min: 0, max: 40 }).map((draw) => draw === 0),
  })
  .map(({ method: drawn, path, query, authorized, headers, body, cuts, pauseMs, leaves }) => {
    const method = drawn === 'the right one' ? (POSTS.includes(path) ? 'POST' : 'GET') : drawn;
    const target = `${path}${query}`.replace(/[\s\r\n]/g, '+');
    const token = authorized === 0 ? [] : [`authorization: Bearer ${CANARY_TOKEN}`];
    const length = headers.some((line) => /^(content-length|transfer-encoding)/.test(line))
      ? []
      : [`content-length: ${body.byteLength}`];
    const lines = [`${method} ${target} HTTP/1.1`, 'host: here', 'connection: close', ...token, ...headers, ...length];
    const bytes = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]);
    const ends = [...cuts.map((cut) => Math.floor(cut * bytes.byteLength)).sort((a, b) => a - b), bytes.byteLength];
    const pieces = ends.map((end, at) => ({
      bytes: bytes.subarray(at === 0 ? 0 : ends[at - 1], end),
      afterMs: pauseMs,
    }));
    return { method, target, pieces, leaves };
  });
