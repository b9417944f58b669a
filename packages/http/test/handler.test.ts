import { type Logger, WaSyncError } from '@wa-sync/core';
import { createManualClock } from '@wa-sync/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Access, createHttpHandler, type HttpContext, type HttpOptions, type WaSyncLike } from '../src/index.js';
import * as wire from '../src/reply/wire-schemas.js';
import { createGate, startWorld, TOKEN, type World } from './start-world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

type Call = (
  method: string,
  path: string,
  headers?: Record<string, string>,
  context?: HttpContext,
) => Promise<Response>;

function open(options: HttpOptions, wa: WaSyncLike = world.wa): Call {
  const handler = createHttpHandler(wa, options);
  return (method, path, headers = {}, context) =>
    handler(new Request(`http://localhost/whatsapp${path}`, { method, headers }), context);
}

const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code;
const asCaller = (access: Access | false) => open({ auth: () => access });

describe('roles', () => {
  it('lets a viewer read and answers 403 to a POST, which does nothing', async () => {
    const { id, connection } = await world.addSession();
    const before = connection.script.probes;
    const call = asCaller({ role: 'viewer', sessionIds: 'all' });
    expect((await call('GET', `/status?sessionId=${id}`)).status).toBe(200);
    const refused = await call('POST', `/force-sync-current?sessionId=${id}`);
    expect([refused.status, await codeOf(refused)]).toEqual([403, 'forbidden']);
    expect(connection.script.probes).toBe(before);
  });

  it('answers 401 where authorize says false', async () => {
    const refused = await asCaller(false)('GET', '/status');
    expect([refused.status, refused.headers.has('www-authenticate')]).toEqual([401, true]);
  });

  it('opens no door for an authorize that throws, and shows nobody its words', async () => {
    const lines: string[] = [];
    const heard = await startWorld({ logger: catchLines(lines) });
    const auth = () => {
      throw new Error('no user 5511912345678');
    };
    const response = await open({ auth }, heard.wa)('GET', '/status');
    await heard.stop();
    expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('5678')]);
    expect(lines.join()).toContain('…5678');
    expect(lines.join()).not.toContain('5511912345678');
  });
});

describe('scope', () => {
  it('returns for a session out of scope what it returns for an unknown one', async () => {
    const [mine, other] = [await world.addSession(), await world.addSession()];
    const call = asCaller({ role: 'admin', sessionIds: [mine.id, 'nobody'] });
    for (const [method, path] of [
      ['GET', '/status?sessionId=ID'],
      ['GET', '/sessions/ID'],
      ['POST', '/sync-status?sessionId=ID'],
      ['POST', '/force-sync-current?sessionId=ID'],
    ] as const) {
      const ask = async (id: string) => {
        const response = await call(method, path.replace('ID', id));
        return [response.status, (await response.text()).replaceAll(id, 'ID')];
      };
      expect(await ask(other.id)).toEqual(await ask('nobody'));
      expect((await ask(other.id))[0]).toBe(404);
      expect((await ask(mine.id))[0]).toBe(200);
    }
  });

  it('narrows bulk calls and lists', async () => {
    const [mine, other] = [await world.addSession(), await world.addSession()];
    const cold = await world.addRow();
    const call = asCaller({ role: 'admin', sessionIds: [cold, mine.id, 'nobody', mine.id] });
    const before = other.connection.script.probes;
    mine.connection.script.goSilent();
    const { report } = wire.syncAnswer.parse(await (await call('POST', '/force-sync')).json());
    expect(report.totals).toMatchObject({ checked: 2, unknown: 1, healed: 1 });
    expect(report.sessions.map(({ id }) => id).sort()).toEqual([cold, mine.id].sort());
    expect(other.connection.script.probes).toBe(before);
    const { sessions, next } = wire.sessionsAnswer.parse(await (await call('GET', '/sessions?limit=2')).json());
    const rest = wire.sessionsAnswer.parse(await (await call('GET', `/sessions?limit=2&after=${next}`)).json());
    const ids = [...sessions, ...rest.sessions].map(({ id }) => id);
    expect([ids.sort(), rest.next]).toEqual([[cold, mine.id].sort(), null]);
  });

  it('answers 403 for what can only be done for all sessions, and does nothing', async () => {
    const { id } = await world.addSession();
    const cleanupSessions: WaSyncLike['cleanupSessions'] = () => Promise.reject(new Error('called'));
    const checkInactiveConversations: WaSyncLike['checkInactiveConversations'] = () =>
      Promise.reject(new Error('called'));
    const wa = { ...world.wa, cleanupSessions, checkInactiveConversations };
    const metrics = { contentType: 'text/plain', text: () => Promise.reject(new Error('called')) };
    const call = open({ auth: () => ({ role: 'admin', sessionIds: [id] }), metrics }, wa);
    for (const [method, path] of [
      ['POST', '/cleanup-sessions'],
      ['POST', '/check-inactive-conversations'],
      ['GET', '/runs'],
      ['GET', '/metrics'],
    ] as const) {
      const response = await call(method, path);
      expect([path, response.status, await codeOf(response)]).toEqual([path, 403, 'out_of_scope']);
    }
    await world.wa.checkInactiveConversations();
    const [run] = (await world.wa.runs.list({ limit: 1 })).runs;
    expect((await call('GET', `/runs/${run?.id}`)).status).toBe(404);
    expect((await open({ auth: 'none' })('GET', `/runs/${run?.id}`)).status).toBe(200);
  });

  it('shares a run of a job with equal calls only', async () => {
    const gate = createGate();
    const seen: unknown[] = [];
    const cleanupSessions: WaSyncLike['cleanupSessions'] = async (options) => {
      seen.push(options);
      await gate.opened;
      return world.wa.cleanupSessions({ dryRun: true });
    };
    const handler = createHttpHandler({ ...world.wa, cleanupSessions }, { auth: 'none', waitMs: 0 });
    const post = (body: object) =>
      handler(
        new Request('http://localhost/whatsapp/cleanup-sessions', { method: 'POST', body: JSON.stringify(body) }),
      );
    for (const body of [{ dryRun: true }, { dryRun: true, force: false }, { force: true }]) {
      expect((await post(body)).status).toBe(202);
    }
    expect(seen).toEqual([
      { dryRun: true, force: false },
      { dryRun: false, force: true },
    ]);
    gate.open();
  });

  it('answers 501 where the store has no part for a job, and 503 while it fails', async () => {
    const fail = (code: 'not_supported' | 'store_unreachable') =>
      open(
        { auth: 'none' },
        { ...world.wa, cleanupSessions: () => Promise.reject(new WaSyncError(code, 'db.internal:5432')) },
      );
    const unsupported = await fail('not_supported')('POST', '/cleanup-sessions');
    expect([unsupported.status, await codeOf(unsupported)]).toEqual([501, 'not_supported']);
    const down = await fail('store_unreachable')('POST', '/cleanup-sessions');
    expect([down.status, await down.text()]).toEqual([503, expect.not.stringContaining('5432')]);
  });

  it('answers 503 where the store fails every session of a narrowed bulk call', async () => {
    const [one, two] = [await world.addSession(), await world.addSession()];
    const call = asCaller({ role: 'admin', sessionIds: [one.id, two.id] });
    world.breakStore(true);
    try {
      expect((await call('POST', '/sync-all-sessions')).status).toBe(503);
    } finally {
      world.breakStore(false);
    }
  });

  it('hides the runs of others', async () => {
    const { id } = await world.addSession();
    const gate = createGate();
    const syncNow: WaSyncLike['syncNow'] = async (one) => {
      await gate.opened;
      return world.wa.syncNow(one);
    };
    let access: Access = { role: 'admin', sessionIds: 'all' };
    const call = open({ auth: () => access, waitMs: 0 }, { ...world.wa, syncNow });
    const all = (await call('POST', '/sync-all-sessions')).headers.get('location')?.replace('/whatsapp', '') ?? '';
    const one = (await call('POST', `/sync-status?sessionId=${id}`)).headers.get('location')?.replace('/whatsapp', '');
    expect((await call('GET', all)).status).toBe(200);
    access = { role: 'viewer', sessionIds: [id] };
    expect((await call('GET', all)).status).toBe(404);
    expect((await call('GET', one ?? '')).status).toBe(200);
    gate.open();
  });
});

describe('the current session', () => {
  it('is the one named, else the host’s, else the configured one, else 409', async () => {
    const { id } = await world.addSession();
    const seen: (string | undefined)[] = [];
    const status: WaSyncLike['status'] = (one) => {
      seen.push(one);
      return world.wa.status(one);
    };
    const chosen = open({ auth: 'none', currentSession: () => id }, { ...world.wa, status });
    await chosen('GET', '/status?sessionId=current');
    await chosen('GET', '/status');
    await open({ auth: 'none', currentSession: async () => null }, { ...world.wa, status })('GET', '/status');
    expect(seen).toEqual(['current', id, 'current']);
    const none = await open({ auth: 'none' }, { ...world.wa, currentSession: null })('GET', '/status');
    expect([none.status, await codeOf(none)]).toEqual([409, 'no_current_session']);
  });
});

describe('the rate limit', () => {
  it('counts runs of one token, not of the other, and fills again', async () => {
    const clock = createManualClock();
    const auth = { tokens: [TOKEN, `${TOKEN}-2`] };
    const call = open({ auth, rateLimit: { perMinute: 2 }, clock });
    const post = (token = TOKEN) => call('POST', '/sync-status', { 'x-api-key': token });
    expect([(await post()).status, (await post()).status]).toEqual([200, 200]);
    const refused = await post();
    expect([refused.status, refused.headers.get('retry-after'), await codeOf(refused)]).toEqual([
      429,
      '30',
      'rate_limited',
    ]);
    expect((await post(`${TOKEN}-2`)).status).toBe(200);
    expect((await call('GET', '/status', { 'x-api-key': TOKEN })).status).toBe(200);
    await clock.advance(29_000);
    expect((await post()).status).toBe(429);
    await clock.advance(1_000);
    expect([(await post()).status, (await post()).status]).toEqual([200, 429]);
  });
});

describe('waiting', () => {
  it.each([
    ['wait=7', 7_000],
    ['respond-async, wait=7', 7_000],
    ['wait="7"; foo', 7_000],
    ['waiting=7', 25_000],
    ['wait=soon', 25_000],
    ['wait=999999999', 300_000],
  ])('Prefer: %s', async (prefer, waitMs) => {
    const clock = createManualClock();
    const gate = createGate();
    const syncNow: WaSyncLike['syncNow'] = async (id) => {
      await gate.opened;
      return world.wa.syncNow(id);
    };
    const call = open({ auth: 'none', clock }, { ...world.wa, syncNow });
    const answer = call('POST', '/sync-status', { prefer });
    await clock.settle();
    expect(clock.nextTimerInMs).toBe(waitMs);
    await clock.advance(waitMs);
    expect((await answer).status).toBe(202);
    expect(clock.pendingTimers).toBe(0);
    gate.open();
  });

  it('reports a run that failed, without an unhandled rejection', async () => {
    const gate = createGate();
    const syncNow: WaSyncLike['syncNow'] = async () => {
      await gate.opened;
      throw new Error('secret 5511912345678');
    };
    const call = open({ auth: 'none', waitMs: 0 }, { ...world.wa, syncNow });
    const where = (await call('POST', '/sync-status')).headers.get('location')?.replace('/whatsapp', '') ?? '';
    gate.open();
    await new Promise(setImmediate);
    const run = await (await call('GET', where)).json();
    expect(run).toMatchObject({ state: 'failed', report: null, problem: { code: 'internal_error', status: 500 } });
    expect(JSON.stringify(run)).not.toContain('secret');
  });
});

describe('as a fetch handler', () => {
  it('answers 404 outside of its path, or what the host says', async () => {
    const call = open({ auth: 'none' });
    const outside = await call('GET', 'x/status');
    expect([outside.status, await codeOf(outside)]).toEqual([404, 'route_not_found']);
    const passed = await call('GET', '/none', {}, { notFound: () => new Response('mine', { status: 418 }) });
    expect(passed.status).toBe(418);
    expect((await call('GET', '/status/', {}, { notFound: () => Response.error() })).status).toBe(200);
  });

  it('masks a number in what it repeats', async () => {
    const call = open({ auth: 'none' });
    for (const response of [
      await call('GET', '/status?sessionId=5511912345678'),
      await call('GET', '/status?5511912345678=x'),
      await call('GET', '/sessions/5511912345678'),
    ]) {
      expect([response.status >= 400, await response.text()]).toEqual([true, expect.not.stringContaining('5511912')]);
    }
  });

  it('answers 503 before start and after stop', async () => {
    const other = await startWorld();
    await other.stop();
    const response = await open({ auth: 'none' }, other.wa)('POST', '/sync-all-sessions');
    expect([response.status, await codeOf(response)]).toEqual([503, 'not_running']);
  });

  it('shows neither tenure nor write id nor pairing code nor whole number', async () => {
    const { id, connection } = await world.addSession();
    connection.script.set({ status: 'QR_CODE', qr: 'pairing-code', phone: '5511912345678' });
    await world.wa.syncNow(id);
    const [row] = await world.store.sessions.get({ ids: [id] });
    expect(row).toMatchObject({ qr: 'pairing-code', phone: '5511912345678' });
    const text = await (await open({ auth: 'none' })('GET', `/sessions/${id}`)).text();
    for (const hidden of ['pairing-code', '5511912345678', row?.tenure, row?.writeId])
      expect(text).not.toContain(hidden);
    expect(text).toContain('…5678');
  });

  it('never logs a token', async () => {
    const lines: string[] = [];
    const heard = await startWorld({ logger: catchLines(lines) });
    const call = open({ auth: { tokens: [TOKEN] } }, heard.wa);
    await call('POST', '/sync-status', { 'x-api-key': TOKEN });
    await call('POST', `/sync-status?${TOKEN}=${TOKEN}`, { authorization: `Bearer ${TOKEN}` });
    await call('GET', '/status', { authorization: `Bearer ${TOKEN}x` });
    await heard.stop();
    expect(lines.filter((line) => line.includes('answered'))).toHaveLength(3);
    expect(lines.join()).not.toContain(TOKEN);
  });
});

function catchLines(lines: string[]): Logger {
  const log = (fields: object, message: string) => {
    const error = 'err' in fields && fields.err instanceof Error ? `${fields.err.message}\n${fields.err.stack}` : '';
    lines.push(`${message} ${JSON.stringify(fields)} ${error}`);
  };
  return { debug: log, info: log, warn: log, error: log };
}
