import { type Logger, WaSyncError } from '@wa-sync/core';
import { createManualClock } from '@wa-sync/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Access, createHttpHandler, type HttpOptions } from '../src/index.js';
import { createMetrics } from '../src/metrics.js';
import { startWorld, type World } from './start-world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

function recorder() {
  const lines: string[] = [];
  const log = (_: object, line: string) => void lines.push(line);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  return { lines, logger };
}

const throwing = (trap: keyof ProxyHandler<object>) =>
  new Proxy(
    { role: 'admin', sessionIds: 'all' },
    {
      [trap]: () => {
        throw new Error('trap');
      },
    },
  );
const sparse: string[] = ['mine'];
sparse.length = 3;
class User {
  role = 'admin';
  sessionIds = 'all';
}
let read = 0;
const shifting = {
  role: 'viewer',
  get sessionIds() {
    read += 1;
    return read % 2 === 1 ? ['mine'] : 'all';
  },
};

const thenable = (then: (done: (value: unknown) => void) => void) => Object.fromEntries([['then', then]]);

/** What a host may return by mistake. None of it may show a row that is not `mine`. */
const SHAPES: readonly (readonly [string, () => unknown])[] = [
  ['false', () => false],
  ['true', () => true],
  ['undefined', () => undefined],
  ['null', () => null],
  ['0', () => 0],
  ['1', () => 1],
  ['NaN', () => Number.NaN],
  ['a text', () => 'admin'],
  ['an empty text', () => ''],
  ['a bigint', () => 1n],
  ['a symbol', () => Symbol('admin')],
  ['a function', () => () => ({ role: 'admin', sessionIds: 'all' })],
  ['a list', () => ['admin']],
  ['an empty object', () => ({})],
  ['role alone', () => ({ role: 'admin' })],
  ['sessionIds alone', () => ({ sessionIds: 'all' })],
  ['sessionIDs', () => ({ role: 'viewer', sessionIDs: ['mine'] })],
  ['sessionIds undefined', () => ({ role: 'viewer', sessionIds: undefined })],
  ['sessionIds null', () => ({ role: 'viewer', sessionIds: null })],
  ['sessionIds true', () => ({ role: 'viewer', sessionIds: true })],
  ['sessionIds *', () => ({ role: 'viewer', sessionIds: '*' })],
  ['sessionIds ALL', () => ({ role: 'viewer', sessionIds: 'ALL' })],
  ['sessionIds of one text', () => ({ role: 'viewer', sessionIds: 'mine' })],
  ['sessionIds of an object', () => ({ role: 'viewer', sessionIds: { 0: 'mine', length: 1 } })],
  ['sessionIds of a Set', () => ({ role: 'viewer', sessionIds: new Set(['mine']) })],
  ['sessionIds of numbers', () => ({ role: 'viewer', sessionIds: [1, 2] })],
  ['sessionIds of objects', () => ({ role: 'viewer', sessionIds: [{ id: 'mine' }] })],
  ['sessionIds with a null', () => ({ role: 'viewer', sessionIds: ['mine', null] })],
  ['sessionIds with a hole', () => ({ role: 'viewer', sessionIds: sparse })],
  ['no sessionIds', () => ({ role: 'admin', sessionIds: [] })],
  ['all among ids', () => ({ role: 'admin', sessionIds: ['all'] })],
  ['the role in capitals', () => ({ role: 'ADMIN', sessionIds: 'all' })],
  ['the role root', () => ({ role: 'root', sessionIds: 'all' })],
  ['two roles', () => ({ role: ['admin'], sessionIds: 'all' })],
  ['an id that is a number', () => ({ role: 'admin', sessionIds: 'all', id: 7 })],
  ['a row of users', () => ({ id: 'u1', name: 'Ana', role: 'admin', sessionIds: 'all' })],
  ['an object of a class', () => new User()],
  ['inherited fields', () => Object.create({ role: 'admin', sessionIds: 'all' })],
  ['a promise inside', () => ({ role: 'admin', sessionIds: Promise.resolve('all') })],
  [
    'a getter that throws',
    () => ({
      role: 'admin',
      get sessionIds() {
        throw new Error('no');
      },
    }),
  ],
  ['a getter that changes its mind', () => shifting],
  ['a proxy that throws at get', () => throwing('get')],
  ['a proxy that throws at its keys', () => throwing('ownKeys')],
  ['a proxy that throws at its prototype', () => throwing('getPrototypeOf')],
  ['a symbol as a key', () => ({ role: 'admin', sessionIds: 'all', [Symbol('x')]: 1 })],
  ['a thenable that returns true', () => thenable((done) => done(true))],
  [
    'a thenable that throws',
    () =>
      thenable(() => {
        throw new Error('no');
      }),
  ],
  ['a rejection', () => Promise.reject(new Error('no'))],
  ['a rejection with nothing', () => Promise.reject(undefined)],
  ['a rejection that cannot be read', () => Promise.reject(throwing('getPrototypeOf'))],
];

describe('what authorize returns', () => {
  it('shows no foreign row on any route, whatever its shape, in 10,000 calls', { timeout: 60_000 }, async () => {
    await world.addSession('mine');
    await world.addSession('foreign');
    let answer: () => unknown = () => false;
    const metrics = createMetrics(world.wa);
    const handler = createHttpHandler(world.wa, {
      auth: () => answer() as Access,
      rateLimit: false,
      metrics,
      eventStreams: { perCaller: 100_000, total: 100_000 },
    });
    const [run] = await world.wa
      .checkInactiveConversations()
      .then(() => world.wa.runs.list({ limit: 1 }))
      .then(({ runs }) => runs);
    const asks = [
      ['GET', '/sessions'],
      ['GET', '/sessions/foreign'],
      ['GET', '/sessions/foreign/history'],
      ['GET', '/status?sessionId=foreign'],
      ['GET', '/status'],
      ['GET', '/runs'],
      ['GET', `/runs/${run?.id}`],
      ['GET', '/metrics'],
      ['GET', '/events'],
      ['POST', '/sync-status?sessionId=foreign'],
      ['POST', '/force-sync-current?sessionId=foreign'],
      ['POST', '/sync-all-sessions'],
      ['POST', '/force-sync'],
      ['POST', '/cleanup-sessions'],
      ['POST', '/check-inactive-conversations'],
    ] as const;
    const seen: string[] = [];
    let calls = 0;
    while (calls < 10_000) {
      for (const [name, shape] of SHAPES) {
        answer = shape;
        for (const [method, path] of asks) {
          calls += 1;
          const response = await handler(new Request(`http://localhost/whatsapp${path}`, { method }));
          if (response.status < 400 && path === '/events') {
            await response.body?.cancel();
            continue;
          }
          const text = await response.text();
          const foreign = text.replaceAll('There is no session foreign', '');
          const shows = response.status < 400 && /foreign|"current"|wa_sync_|"job"/.test(foreign);
          if (shows) seen.push(`${name}: ${method} ${path} ${response.status} ${text.slice(0, 200)}`);
        }
      }
    }
    metrics.close();
    expect(SHAPES.length).toBeGreaterThanOrEqual(40);
    expect(seen).toEqual([]);
  });

  it('writes one line about a wrong shape, none about false, and one a minute about the same', async () => {
    const clock = createManualClock();
    const { lines, logger } = recorder();
    let returned: unknown = false;
    const handler = createHttpHandler({ ...world.wa, logger }, { auth: () => returned as Access, clock });
    const ask = async () => (await handler(new Request('http://localhost/whatsapp/status'))).status;
    expect([await ask(), lines]).toEqual([401, []]);
    returned = { role: 'viewer', sessionIDs: ['5511912345678'] };
    expect([await ask(), await ask()]).toEqual([401, 401]);
    expect(lines).toEqual([
      `authorize returned an object with the unknown key "sessionIDs", so the request got 401: it has to return false, or { role: 'admin' | 'viewer', sessionIds: 'all' | ['id', …], id?: 'text' }`,
    ]);
    returned = { role: 'viewer', sessionIds: ['5511912345678', 5] };
    await ask();
    expect(lines[1]).toContain('an object whose sessionIds has a number at 1');
    await clock.advance(60_000);
    returned = { role: 'viewer', sessionIDs: [] };
    await ask();
    expect(lines[2]).toContain('(and 1 more like it in 60 s)');
    expect(lines.join()).not.toContain('5511912345678');
  });

  it.each([
    [
      'an error',
      () => Promise.reject(new Error('no user 5511912345678')),
      500,
      'authorize failed, so the request got 500: no user …5678',
    ],
    [
      'nothing',
      () => Promise.reject(undefined),
      500,
      'authorize failed, so the request got 500: it threw a value of type undefined',
    ],
    [
      'a store that is down',
      () => Promise.reject(new WaSyncError('store_unreachable', 'down')),
      503,
      'GET /status answered 503 store_unreachable',
    ],
  ])('fails closed where it throws %s, with one line', async (_, auth, status, line) => {
    const { lines, logger } = recorder();
    const handler = createHttpHandler({ ...world.wa, logger }, { auth });
    const response = await handler(new Request('http://localhost/whatsapp/status'));
    expect([response.status, await response.text(), lines]).toEqual([
      status,
      expect.not.stringContaining('5678'),
      [line],
    ]);
  });

  it.each(['authorize', 'currentSession'])(
    'releases a request whose %s never settles after 10 s, and ignores what it returns later',
    async (name) => {
      const clock = createManualClock();
      const { lines, logger } = recorder();
      let settle = (_: Access) => {};
      const late = new Promise<Access>((resolve) => {
        settle = resolve;
      });
      const options: HttpOptions =
        name === 'authorize' ? { auth: () => late } : { auth: 'none', currentSession: () => late as never };
      const handler = createHttpHandler({ ...world.wa, logger }, { ...options, clock });
      const answer = handler(new Request('http://localhost/whatsapp/status'));
      await clock.settle();
      expect(clock.nextTimerInMs).toBe(10_000);
      await clock.advance(10_000);
      const response = await answer;
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
      expect(await response.json()).toMatchObject({ code: 'host_timeout' });
      settle({ role: 'admin', sessionIds: 'all' });
      await clock.settle();
      await clock.advance(60_000);
      expect([lines, clock.pendingTimers]).toEqual([[`${name} did not settle within 10 s: the request got 503`], 0]);
    },
  );

  it('lets go of a request whose client has left', async () => {
    const clock = createManualClock();
    const leaving = new AbortController();
    const handler = createHttpHandler(world.wa, { auth: () => new Promise<Access>(() => {}), clock });
    const answer = handler(new Request('http://localhost/whatsapp/status', { signal: leaving.signal }));
    await clock.settle();
    leaving.abort();
    expect((await answer).status).toBe(503);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('what currentSession returns', () => {
  it.each([
    [() => 7, 500],
    [() => ({ id: 'current' }), 500],
    [() => Promise.reject(new Error('no')), 500],
    [() => '', 422],
    [() => undefined, 200],
  ])('%s', async (currentSession, status) => {
    const handler = createHttpHandler(world.wa, { auth: 'none', currentSession: currentSession as () => string });
    expect((await handler(new Request('http://localhost/whatsapp/status'))).status).toBe(status);
  });
});
