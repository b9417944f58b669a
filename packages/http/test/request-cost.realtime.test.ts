import { describe, expect, it } from 'vitest';
import { createHttpHandler } from '../src/index.js';
import { askOfRequest } from '../src/request/ask.js';
import { readBody } from '../src/request/read-body.js';
import { startWorld, TOKEN } from './start-world.js';

const SIZE = 16 * 1_024;
const fill = (piece: (at: number) => string) => {
  let text = '';
  for (let at = 0; text.length < SIZE - 20; at += 1) text += piece(at);
  return text;
};
const QUERIES: Readonly<Record<string, string>> = {
  'different fields': fill((at) => `${at.toString(36)}&`),
  'one field again and again': fill(() => 'sessionId=a&'),
  'empty fields': fill(() => '&'),
  'equal signs': fill(() => '='),
  percents: fill(() => '%'),
  'escapes of broken UTF-8': fill(() => '%ff'),
  'one long field': `sessionId=${fill(() => 'x')}`,
  digits: `sessionId=${fill(() => '5')}`,
  'short numbers': fill((at) => `${100_000 + at}=1&`),
  __proto__: fill(() => '__proto__=1&'),
};
const PATHS: Readonly<Record<string, string>> = {
  slashes: `${fill(() => '/')}x`,
  'slashes at the end': fill(() => '/'),
  'a long id': `/sessions/${fill(() => 'x')}`,
  'broken escapes': `/sessions/${fill(() => '%')}`,
  segments: fill(() => '/a'),
};
const HEADERS: Readonly<Record<string, Record<string, string>>> = {
  'a bearer of spaces': { authorization: `Bearer ${fill(() => ' ')}x y` },
  'a bearer of words': { authorization: `Bearer ${fill(() => 'x ')}` },
  'a long token': { 'x-api-key': fill(() => 'x') },
  'a prefer of commas': { prefer: fill(() => ', ') },
  'a prefer of spaces': { prefer: `,${fill(() => ' ')}x` },
  'a prefer of waits': { prefer: fill(() => 'wait=;') },
  'a prefer of digits': { prefer: `wait=${fill(() => '1')}` },
  'an id of tildes': { 'last-event-id': fill(() => '~') },
  'an id of dashes': { 'last-event-id': fill(() => '-') },
  cookies: { cookie: fill((at) => `${at}=1; `) },
  'many headers': Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`x-${at}`, 'v'.repeat(8)])),
};
const BODIES: Readonly<Record<string, string>> = {
  'different fields': `{${fill((at) => `"${at}":1,`)}"x":1}`,
  'one field again and again': `{${fill(() => '"a":1,')}"a":1}`,
  brackets: fill(() => '['),
  digits: fill(() => '5'),
  spaces: fill(() => ' '),
  'deep objects': fill(() => '{"a":'),
};

/** Processor time of one call in ms: the least of some runs, so that what else runs here does not count. */
async function cpuMs(call: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round += 1) {
    const before = process.cpuUsage();
    await call();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1_000);
  }
  return least;
}

describe('16 KB of a request', () => {
  it('cost less than 5 ms, wherever they stand', async () => {
    const world = await startWorld();
    const tokens = createHttpHandler(world.wa, { auth: { tokens: [TOKEN] } });
    // The host's own function gets a whole `Request`.
    const authorize = createHttpHandler(world.wa, {
      auth: (request) => (request.headers.has('x-none') ? false : { role: 'admin', sessionIds: 'all' }),
      rateLimit: false,
    });
    const dear: string[] = [];
    async function measure(name: string, calls: readonly (() => Promise<unknown>)[]) {
      for (const call of calls) {
        const took = await cpuMs(call);
        if (took >= 5) dear.push(`${name}: ${took.toFixed(1)} ms`);
      }
    }
    const ask = (method: string, target: string, headers: Record<string, string> = {}, body?: string) => {
      const init = { method, headers: { 'x-api-key': TOKEN, ...headers }, ...(body === undefined ? {} : { body }) };
      return [tokens, authorize].map((handler) => async () => {
        const response = await handler(new Request(`http://localhost/whatsapp${target}`, init));
        await response.body?.cancel();
      });
    };
    for (const [name, query] of Object.entries(QUERIES)) {
      for (const path of ['/status', '/sessions', '/runs', '/events']) {
        await measure(`${path} with a query of ${name}`, ask('GET', `${path}?${query}`));
      }
      await measure(
        `a form of ${name}`,
        ask('POST', '/sync-status', { 'content-type': 'application/x-www-form-urlencoded' }, query),
      );
    }
    for (const [name, path] of Object.entries(PATHS)) await measure(`a path of ${name}`, ask('GET', path));
    for (const [name, headers] of Object.entries(HEADERS)) {
      for (const [method, path] of [
        ['GET', '/status'],
        ['GET', '/events'],
        ['POST', '/sync-status'],
      ] as const)
        await measure(`${method} ${path} with ${name}`, ask(method, path, headers));
    }
    for (const [name, body] of Object.entries(BODIES)) {
      await measure(`a body of ${name}`, ask('POST', '/cleanup-sessions', {}, body));
      const parsed = () =>
        readBody(askOfRequest(new Request('http://localhost/', { method: 'POST', body }))).catch(() => {});
      await measure(`reading a body of ${name}`, [parsed]);
    }
    await world.stop();
    expect(dear).toEqual([]);
  });
});
