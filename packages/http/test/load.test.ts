import { type Logger, type StoredSession, WaSyncError } from '@wa-sync/core';
import { markUnderWay } from '@wa-sync/core/adapter';
import { createManualClock } from '@wa-sync/testing';
import { describe, expect, it } from 'vitest';
import { type Access, createHttpHandler, type HttpOptions, type WaSyncLike } from '../src/index.js';

type Line = { level: string; text: string; fields: Readonly<Record<string, unknown>> };

/** A replica whose store answers when the test says so. The caller is who the token says. */
function open(options: Partial<HttpOptions> = {}) {
  const clock = createManualClock();
  const calls: { name: string; end(): void; fail(error: unknown): void }[] = [];
  const call =
    <T>(name: string, result: T) =>
    () =>
      new Promise<T>((resolve, reject) => {
        calls.push({ name, end: () => resolve(result), fail: reject });
      });
  const lines: Line[] = [];
  const write = (level: string) => (fields: object, text: string) =>
    void lines.push({ level, text, fields: { ...fields } });
  const logger: Logger = { debug() {}, info() {}, warn: write('warn'), error: write('error') };
  const report = { totals: { checked: 0, failed: 0 }, sessions: [], startedAt: new Date(0), tookMs: 0, omitted: 0 };
  const wa = {
    currentSession: 'current',
    logger,
    status: async (id: string, { limit }: { limit: <T>(read: () => Promise<T>) => Promise<T> }) => {
      const said = { connected: true, timestamp: new Date(0) };
      return id === 'far' ? limit(call('status', said)) : said;
    },
    syncNow: call('syncNow', report),
    on: () => () => {},
    history: { since: call('since', { transitions: [], next: '1', missed: false }) },
    sessions: {
      get: call('get', null as StoredSession | null),
      list: call('list', { sessions: [], next: null }),
      history: call('history', { transitions: [], next: null }),
    },
    runs: { get: call('run', null), list: call('runs', { runs: [], next: null }) },
  } as unknown as WaSyncLike;
  const auth = (request: Request): Access => ({
    role: 'admin',
    sessionIds: 'all',
    id: request.headers.get('x-api-key') ?? '',
  });
  const handler = createHttpHandler(wa, { auth, clock, rateLimit: false, ...options });
  const ask = (path: string, who = 'a', method = 'GET', signal?: AbortSignal) =>
    handler(new Request(`http://localhost/whatsapp${path}`, { method, signal, headers: { 'x-api-key': who } }));
  const askMany = (times: number, path: string, who = 'a') =>
    Array.from({ length: times }, (_, at) => ask(path.replace('#', `${at + 1}`), who));
  return { clock, calls, lines, ask, askMany, endAll: () => calls.splice(0).map(({ end }) => end()) };
}

const READS = [
  '/status?sessionId=far',
  '/sessions?limit=#',
  '/sessions/x#',
  '/sessions/x#/history',
  '/runs?limit=#',
  '/runs/x#',
];

describe('a flood of requests', () => {
  it('has four calls of the store under way for one caller and eight for all, whatever is read', async () => {
    const { clock, calls, ask, askMany } = open();
    for (const path of READS) askMany(10, path);
    await clock.settle();
    expect(calls).toHaveLength(4);
    for (const who of ['b', 'c']) for (const path of READS) askMany(10, path, who);
    await clock.settle();
    expect(calls).toHaveLength(8);
    for (const path of ['/health/live', '/openapi.json', '/status']) expect((await ask(path, 'd')).status).toBe(200);
    const ready = ask('/health/ready');
    await clock.settle();
    expect(calls).toHaveLength(9);
    calls.at(-1)?.end();
    expect((await ready).status).toBe(200);
  });

  it('is answered with 503 and Retry-After, with one line in the log and a count each minute', async () => {
    const { clock, lines, askMany, endAll } = open();
    const answers = askMany(1_000, '/sessions?limit=#');
    await clock.settle();
    const refused = await answers.at(-1)!;
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await refused.json()).toMatchObject({ code: 'overloaded', status: 503 });
    expect(lines.map(({ level, text }) => [level, text])).toEqual([['warn', 'GET /sessions answered 503 overloaded']]);
    for (let round = 0; round < 30; round += 1) {
      endAll();
      await clock.settle();
    }
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(104);
    await clock.advance(60_000);
    expect(lines.slice(1)).toEqual([
      {
        level: 'warn',
        text: 'GET /sessions answered 503 overloaded (and 895 more like it in 60 s)',
        fields: { code: 'overloaded', more: 895 },
      },
    ]);
    await clock.advance(600_000);
    expect([lines.length, clock.pendingTimers]).toEqual([2, 0]);
  });

  it('is a line in the log where its turn did not come in time, and none where the client left before', async () => {
    const { clock, lines, ask, askMany } = open();
    askMany(4, '/sessions');
    const leaving = new AbortController();
    const answer = ask('/sessions', 'a', 'GET', leaving.signal);
    await clock.settle();
    leaving.abort();
    expect([(await answer).status, lines]).toEqual([503, []]);
    const late = ask('/sessions');
    await clock.advance(2_000);
    expect([(await late).status, lines.length]).toEqual([503, 1]);
  });

  it('of one question is one call for all that wait, and never that of another caller or another page', async () => {
    const { clock, calls, ask, askMany, endAll } = open();
    const answers = READS.flatMap((path) => askMany(50, path.replaceAll('#', '7')));
    await clock.settle();
    for (let round = 0; round < 3; round += 1) {
      expect(calls).toHaveLength([4, 4, 2][round]!);
      endAll();
      await clock.settle();
    }
    expect(calls).toHaveLength(0);
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200, 404]));
    askMany(4, '/runs');
    for (const path of ['/sessions', '/sessions?limit=5', '/sessions?after=a', '/runs?limit=5']) void ask(path);
    void ask('/sessions', 'b');
    await clock.settle();
    expect(calls).toHaveLength(5);
    endAll();
    await clock.settle();
    expect(calls).toHaveLength(4);
  });

  it('takes one place for the page of a caller that sees some sessions, which is read at once', async () => {
    const sessionIds = Array.from({ length: 50 }, (_, at) => `s${at}`);
    const { clock, calls, ask } = open({ auth: () => ({ role: 'viewer', sessionIds }) });
    void ask('/sessions');
    await clock.settle();
    expect(calls).toHaveLength(50);
  });

  it('keeps the places of calls that the store gave up until their statements have ended', async () => {
    const { clock, calls, askMany, ask, endAll } = open();
    let settle = () => {};
    const statement = new Promise<void>((ended) => {
      settle = ended;
    });
    askMany(4, '/sessions');
    await clock.settle();
    for (const { fail } of calls.splice(0)) fail(markUnderWay(new WaSyncError('store_timeout', 'late'), statement));
    const late = ask('/runs');
    const other = ask('/runs', 'b');
    await clock.settle();
    expect(calls).toHaveLength(1);
    endAll();
    expect((await other).status).toBe(200);
    settle();
    await clock.settle();
    endAll();
    expect((await late).status).toBe(200);
  });

  it('has the streams of events read as one more caller, when it is its turn', async () => {
    const { clock, calls, askMany, endAll } = open({ storeCalls: { total: 2, perCaller: 1 } });
    askMany(10, '/sessions?limit=#');
    askMany(10, '/runs?limit=#', 'b');
    const streams = await Promise.all(askMany(10, '/events'));
    for (const { body } of streams) void body?.getReader().read();
    await clock.settle();
    expect(calls.map(({ name }) => name)).toEqual(['list', 'runs']);
    for (let round = 0; round < 2; round += 1) {
      endAll();
      await clock.settle();
    }
    expect(calls.map(({ name }) => name).sort()).toEqual(['list', 'since']);
  });

  it('of runs has eight under way for one caller; the others wait for a place, and may be asked for', async () => {
    const { clock, calls, ask, endAll } = open({ waitMs: 0 });
    const start = (at: number) => ask(`/sync-status?sessionId=s${at}`, 'a', 'POST');
    const answers = await Promise.all(Array.from({ length: 109 }, (_, at) => start(at)));
    await clock.settle();
    expect(calls).toHaveLength(8);
    expect(answers.map(({ status }) => status)).toEqual([...Array(108).fill(202), 503]);
    const last = answers[107]?.headers.get('location')?.replace('/whatsapp', '') ?? '';
    const stateOf = async () => ((await (await ask(last)).json()) as { state: string }).state;
    expect(await stateOf()).toBe('running');
    for (let round = 0; round < 20; round += 1) {
      endAll();
      await clock.settle();
    }
    expect(await stateOf()).toBe('completed');
  });
});

describe('failures of one cause', () => {
  it('are two lines in the first minute and one in each after it, and other causes are not hidden', async () => {
    const { clock, calls, lines, ask } = open();
    const fail = async (code: 'store_failed' | 'store_unreachable', path = '/sessions') => {
      const answer = ask(path);
      await clock.settle();
      calls.pop()?.fail(new WaSyncError(code, 'no'));
      await answer;
    };
    for (let second = 0; second < 150; second += 1) {
      await fail('store_failed');
      await clock.advance(1_000);
    }
    await fail('store_unreachable');
    await fail('store_failed', '/runs');
    expect(lines.map(({ text }) => text)).toEqual([
      'GET /sessions answered 503 store_failed',
      'GET /sessions answered 503 store_failed (and 59 more like it in 60 s)',
      'GET /sessions answered 503 store_failed (and 60 more like it in 60 s)',
      'GET /sessions answered 503 store_unreachable',
      'GET /runs answered 503 store_failed',
    ]);
    expect(lines[0]?.fields).toMatchObject({ route: '/sessions', code: 'store_failed', err: { message: 'no' } });
  });

  it('are few lines though each has another text', async () => {
    const texts = Array.from({ length: 500 }, (_, at) => `row ${at} ${'abcdefghij'[at % 10]}${'klmnopqrst'[at % 7]}`);
    const failing = open({
      auth: () => {
        throw new Error(texts.pop());
      },
    });
    for (let time = 0; time < 500; time += 1) await failing.ask('/status');
    expect(failing.lines).toHaveLength(70);
    let words = 0;
    const endless = open({
      auth: () => {
        words += 1;
        throw new Error('x'.repeat(words));
      },
    });
    for (let time = 0; time < 500; time += 1) await endless.ask('/status');
    expect(endless.lines).toHaveLength(101);
  });
});
