import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { systemClock } from '@wa-sync/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HttpOptions, WaSyncLike } from '../src/index.js';
import { createMetrics } from '../src/metrics.js';
import * as wire from '../src/reply/wire-schemas.js';
import { createGate, startWorld, TOKEN, type World } from './start-world.js';

/** How a suite mounts the endpoints; `url` has the prefix in it. */
export type Serve = (wa: WaSyncLike, options: HttpOptions) => Promise<{ url: string; close(): Promise<void> }>;

/** What must hold wherever the endpoints are mounted, over real sockets. */
export function describeHttpContract(name: string, serve: Serve, { equalPosts = 20 } = {}): void {
  describe(name, () => {
    let world: World;
    let url: string;
    let close: () => Promise<void>;
    const seenRaw: unknown[] = [];
    /** How far the clock of the endpoints is ahead: what they found out about the store is known for a second. */
    let aheadMs = 0;

    beforeAll(async () => {
      world = await startWorld();
      const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
      const currentSession = (_: Request, { raw }: { raw?: unknown }) => {
        seenRaw.push(raw);
        return undefined;
      };
      ({ url, close } = await serve(world.wa, { auth: { tokens: [TOKEN, `${TOKEN}-next`] }, currentSession, clock }));
    });
    afterAll(async () => {
      await close?.();
      await world?.stop();
    });

    const authorized = { authorization: `Bearer ${TOKEN}` };
    const get = (path: string, headers: Record<string, string> = authorized) => fetch(url + path, { headers });
    const post = (path: string, body?: string, headers: Record<string, string> = {}) =>
      fetch(url + path, {
        method: 'POST',
        headers: { ...authorized, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body }),
      });
    const problemOf = async (response: Response) => {
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      const problem = wire.problem.parse(await response.json());
      expect(problem.status).toBe(response.status);
      return problem;
    };

    it('answers the status of the current and of a named session, and nothing else', async () => {
      const { id, connection } = await world.addSession();
      const current = await get('/status');
      expect(current.status).toBe(200);
      expect(wire.statusAnswer.parse(await current.json()).connected).toBe(true);
      expect(current.headers.get('cache-control')).toBe('no-store');
      expect(current.headers.get('x-content-type-options')).toBe('nosniff');
      connection.script.close('lost');
      const named = await get(`/status?sessionId=${id}`);
      expect(wire.statusAnswer.parse(await named.json()).connected).toBe(false);
    });

    it('hands the request of the framework to the host', async () => {
      seenRaw.length = 0;
      await get('/status');
      expect(seenRaw).toHaveLength(1);
      expect((seenRaw[0] as { method: string }).method).toBe('GET');
    });

    it('answers HEAD like GET, without a body', async () => {
      const response = await fetch(`${url}/status`, { method: 'HEAD', headers: authorized });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('application/json');
      expect(await response.text()).toBe('');
    });

    it('answers 503 where the status cannot be determined', async () => {
      const { id, connection } = await world.addSession();
      connection.script.unknown('busy');
      const response = await get(`/status?sessionId=${id}`);
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
      expect((await problemOf(response)).code).toBe('status_unknown');
    });

    it.each(['/sync-status', '/sync-all-sessions', '/force-sync', '/force-sync-current'])(
      'POST %s answers message, timestamp and report, with and without a body',
      async (path) => {
        for (const body of [undefined, '', '{}']) {
          const response = await post(path, body);
          expect(response.status).toBe(200);
          const { report } = wire.syncAnswer.parse(await response.json());
          expect(report.sessions.map(({ id }) => id)).toContain('current');
        }
      },
    );

    it('says by a dry run what a cleanup would do, and names a wrong field', async () => {
      const answer = await post('/cleanup-sessions', '{"dryRun":true}');
      expect(answer.status).toBe(200);
      const { report, message } = wire.cleanupAnswer.parse(await answer.json());
      expect(report).toMatchObject({ dryRun: true, totals: { deactivated: 0, purged: 0 } });
      expect(message).toMatch(/^Would deactivate 0 sessions|^Nothing was done/);
      wire.cleanupAnswer.parse(await (await post('/cleanup-sessions')).json());
      const wrong = await post('/cleanup-sessions', '{"dryRun":"yes"}');
      expect([wrong.status, (await problemOf(wrong)).errors]).toMatchObject([422, [{ in: 'body', field: 'dryRun' }]]);
    });

    it('checks inactive conversations, and shows the run in the records of runs', async () => {
      const answer = await post('/check-inactive-conversations');
      const { report } = wire.inactivityAnswer.parse(await answer.json());
      expect(report).toMatchObject({ dryRun: false, postponed: null, conversations: [] });
      const listed = wire.runsAnswer.parse(await (await get('/runs?job=inactivity&limit=1')).json());
      expect(listed.runs).toMatchObject([{ job: 'inactivity', slot: null, outcome: 'finished', error: null }]);
      const one = wire.runAnswer.parse(await (await get(`/runs/${listed.runs[0]?.id}`)).json());
      expect(one).toEqual(listed.runs[0]);
      await post('/check-inactive-conversations');
      const newer = wire.runsAnswer.parse(await (await get('/runs?limit=1')).json());
      const older = wire.runsAnswer.parse(await (await get(`/runs?limit=1&before=${newer.next}`)).json());
      expect(older.runs[0]?.id).not.toBe(newer.runs[0]?.id);
      expect((await get('/runs?job=sync')).status).toBe(422);
    });

    it('streams events as they happen', async () => {
      const { id, connection } = await world.addSession();
      const leaving = new AbortController();
      const response = await fetch(`${url}/events`, { headers: authorized, signal: leaving.signal });
      expect([response.status, response.headers.get('content-type')]).toEqual([
        200,
        'text/event-stream; charset=utf-8',
      ]);
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      let text = (await reader.read()).value ?? '';
      expect(text).toMatch(/^retry: /);
      connection.script.close('lost');
      await world.wa.syncNow(id);
      while (!text.includes('event: session:changed')) text += (await reader.read()).value ?? '';
      expect(text).toContain(`"sessionId":"${id}"`);
      leaving.abort();
    });

    it('heals a silent session by force and says so in the row', async () => {
      const { id, connection } = await world.addSession();
      connection.script.goSilent();
      const response = await post(`/force-sync-current?sessionId=${id}`);
      const { report } = wire.syncAnswer.parse(await response.json());
      expect(report.sessions).toMatchObject([{ id, stored: 'CONNECTED', actual: 'RECONNECTING' }]);
      expect(connection.script.heals).toHaveLength(1);
      const [row] = await world.store.sessions.get({ ids: [id] });
      expect(row?.status).toBe('RECONNECTING');
    });

    it.each([
      ['no token', {}],
      ['a wrong one', { authorization: 'Bearer not-the-token-at-all' }],
      ['a malformed header', { authorization: TOKEN }],
      ['another scheme', { authorization: `Basic ${TOKEN}` }],
      ['a wrong key', { 'x-api-key': 'not-the-token-at-all' }],
    ])('answers 401 to %s and does nothing', async (_, headers: Record<string, string>) => {
      const { id, connection } = await world.addSession();
      const { probes } = connection.script;
      const path = `/force-sync-current?sessionId=${id}`;
      const response = await fetch(url + path, { method: 'POST', headers });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toContain('Bearer');
      expect((await problemOf(response)).code).toBe('unauthorized');
      expect(connection.script.probes).toBe(probes);
    });

    it('takes the token as X-Api-Key, and the next token too', async () => {
      expect((await get('/status', { 'x-api-key': TOKEN })).status).toBe(200);
      expect((await get('/status', { authorization: `bearer ${TOKEN}-next` })).status).toBe(200);
    });

    it('answers 404 for a session that does not exist', async () => {
      for (const response of [
        await get('/status?sessionId=nobody'),
        await get('/sessions/nobody'),
        await post('/sync-status?sessionId=nobody'),
        await post('/force-sync-current?sessionId=nobody'),
      ]) {
        expect(response.status).toBe(404);
        expect(await problemOf(response)).toMatchObject({
          code: 'session_not_found',
          detail: 'There is no session nobody',
        });
      }
    });

    it('answers 404 for a path that is no endpoint', async () => {
      expect((await get('/nothing-here')).status).toBe(404);
      expect((await post('/nothing-here', '{}')).status).toBe(404);
    });

    it('answers 405 and says what is allowed', async () => {
      const wrong = await get('/force-sync');
      expect(wrong.status).toBe(405);
      expect(wrong.headers.get('allow')).toBe('POST');
      expect((await problemOf(wrong)).code).toBe('method_not_allowed');
      const other = await fetch(`${url}/status`, { method: 'DELETE', headers: authorized });
      expect(other.status).toBe(405);
      expect(other.headers.get('allow')).toBe('GET, HEAD');
    });

    it('names an unknown field of body and query', async () => {
      const body = await post('/sync-status', '{"sesionId":"x"}');
      expect(body.status).toBe(422);
      expect((await problemOf(body)).errors).toMatchObject([{ in: 'body', field: 'sesionId' }]);
      const query = await post('/sync-status?sesionId=x');
      expect(query.status).toBe(422);
      expect((await problemOf(query)).errors).toMatchObject([{ in: 'query', field: 'sesionId' }]);
      expect((await get('/status?sessionId=a&sessionId=b')).status).toBe(422);
    });

    it('answers 4xx to a body that is no JSON object', async () => {
      // A body parser in front answers 400 by itself; without one it is ours.
      expect((await post('/sync-status', '{"open')).status).toBe(400);
      expect((await post('/sync-status', '[1]')).status).toBe(422);
      const plain = await post('/sync-status', 'hello', { 'content-type': 'text/plain' });
      expect(plain.status).toBe(400);
      expect((await problemOf(plain)).code).toBe('body_not_json');
    });

    it('refuses a body over 16 KB, declared or not, and ends the connection', async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const large = Buffer.from(JSON.stringify({ filler: 'x'.repeat(1_000_000) }));
      try {
        for (const told of [true, false]) {
          const refused = await send({ agent, path: '/sync-status', body: large, told });
          expect([refused.status, refused.connection]).toEqual([413, 'close']);
          expect(JSON.parse(refused.text)).toMatchObject({ code: 'body_too_large' });
          expect((await send({ agent, path: '/sync-status', body: Buffer.from('{}'), told })).status).toBe(200);
        }
      } finally {
        agent.destroy();
      }
    });

    it('ends the connection after 401 and 413: the answer comes, and what is still sent is not read', async () => {
      const refuse = async (header: string, status: number) => {
        const { port, pathname } = new URL(`${url}/force-sync`);
        const head = `POST ${pathname} HTTP/1.1\r\nhost: x\r\n${header}\r\ntransfer-encoding: chunked\r\n\r\n`;
        const flood = await floodOf(Number(port), head);
        expect(flood.text).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*\r\nconnection: close\r\n`, 'i'));
        expect(flood.text).toContain('"code":"');
        // What fits into the buffers of both ends, and no more.
        expect(flood.sentBytes).toBeLessThan(32 * 1_024 * 1_024);
        expect(flood.tookMs).toBeLessThan(8_000);
      };
      await Promise.all([
        refuse('authorization: Bearer of-nobody-at-all', 401),
        refuse(`authorization: Bearer ${TOKEN}`, 413),
      ]);
    });

    it.each(['/force-sync', '/force-sync-current'])(`lets ${equalPosts} equal POST %s share one run`, async (path) => {
      const { id, connection } = await world.addSession();
      const before = connection.script.probes;
      const gate = createGate();
      let runs = 0;
      const forceSync: WaSyncLike['forceSync'] = async (one) => {
        runs += 1;
        await gate.opened;
        return world.wa.forceSync(one);
      };
      // Each request that has joined waits on a timer of this clock.
      let waiting = 0;
      const clock: typeof systemClock = {
        ...systemClock,
        schedule(run, delayMs) {
          waiting += 1;
          if (waiting === equalPosts) gate.open();
          return systemClock.schedule(run, delayMs);
        },
      };
      const served = await serve({ ...world.wa, forceSync }, { auth: 'none', clock });
      try {
        const target = served.url + path + (path === '/force-sync' ? '' : `?sessionId=${id}`);
        const all = await Promise.all(Array.from({ length: equalPosts }, () => fetch(target, { method: 'POST' })));
        expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]));
        expect(new Set(await Promise.all(all.map((one) => one.text()))).size).toBe(1);
        expect(runs).toBe(1);
        expect(connection.script.probes).toBe(before + 1);
      } finally {
        await served.close();
      }
    });

    it('answers 202 where the work outlasts the wait, and returns later how it ended', async () => {
      const gate = createGate();
      const syncNow: WaSyncLike['syncNow'] = async (id) => {
        await gate.opened;
        return world.wa.syncNow(id);
      };
      const served = await serve({ ...world.wa, syncNow }, { auth: { tokens: [TOKEN] } });
      try {
        const headers = { ...authorized, prefer: 'wait=0' };
        const accepted = await fetch(`${served.url}/sync-all-sessions`, { method: 'POST', headers });
        expect(accepted.status).toBe(202);
        expect(accepted.headers.get('preference-applied')).toBe('wait=0');
        wire.acceptedAnswer.parse(await accepted.json());
        const where = new URL(accepted.headers.get('location') ?? '', served.url).href;
        expect(where.startsWith(`${served.url}/runs/`)).toBe(true);
        const running = await fetch(where, { headers: authorized });
        expect(wire.runAnswer.parse(await running.json())).toMatchObject({ state: 'running', report: null });
        const joined = fetch(`${served.url}/sync-all-sessions`, { method: 'POST', headers: authorized });
        gate.open();
        expect((await joined).status).toBe(200);
        const over = wire.runAnswer.parse(await (await fetch(where, { headers: authorized })).json());
        expect(over).toMatchObject({ state: 'completed', operation: 'POST /sync-all-sessions' });
        expect((await fetch(`${served.url}/runs/no-such-run`, { headers: authorized })).status).toBe(404);
      } finally {
        gate.open();
        await served.close();
      }
    });

    it('returns what became of a session, by page', async () => {
      const { id, connection } = await world.addSession();
      for (const code of ['first', 'second']) {
        connection.script.close(`${code} of 5511912345678`);
        await world.wa.syncNow(id);
      }
      const path = `/sessions/${id}/history`;
      const first = wire.historyAnswer.parse(await (await get(`${path}?limit=2`)).json());
      expect(first.transitions.map(({ to, reason }) => [to, reason?.code])).toEqual([
        ['RECONNECTING', 'second of …5678'],
        ['RECONNECTING', 'first of …5678'],
      ]);
      const query = new URLSearchParams({ before: first.next ?? '', limit: '2' });
      const rest = wire.historyAnswer.parse(await (await get(`${path}?${query}`)).json());
      expect([rest.transitions.map(({ to }) => to), rest.next]).toEqual([['CONNECTED'], null]);
      expect((await get('/sessions/nobody/history')).status).toBe(404);
      expect((await get(`${path}?limit=0`)).status).toBe(422);
    });

    it('keeps a viewer to reading and a narrowed caller to its sessions', async () => {
      const [mine, other] = [await world.addSession(), await world.addSession()];
      const auth: HttpOptions['auth'] = (request) => {
        const role = request.headers.get('x-role');
        return role === 'admin' || role === 'viewer' ? { role, sessionIds: [mine.id, 'nobody'] } : false;
      };
      const served = await serve(world.wa, { auth });
      const ask = async (role: string, method: string, path: string) => {
        const response = await fetch(served.url + path, { method, headers: { 'x-role': role } });
        return { status: response.status, problem: wire.problem.safeParse(await response.json()).data };
      };
      try {
        const { probes } = mine.connection.script;
        const refused = await ask('viewer', 'POST', `/force-sync-current?sessionId=${mine.id}`);
        expect([refused.status, refused.problem?.code]).toEqual([403, 'forbidden']);
        expect(mine.connection.script.probes).toBe(probes);
        expect((await ask('viewer', 'GET', `/status?sessionId=${mine.id}`)).status).toBe(200);
        for (const [method, path] of [
          ['GET', '/status?sessionId=ID'],
          ['GET', '/sessions/ID'],
          ['GET', '/sessions/ID/history'],
          ['POST', '/sync-status?sessionId=ID'],
        ] as const) {
          const hidden = await ask('admin', method, path.replace('ID', other.id));
          const unknown = await ask('admin', method, path.replace('ID', 'nobody'));
          expect(hidden.status).toBe(404);
          expect(JSON.stringify(hidden).replaceAll(other.id, 'ID')).toBe(
            JSON.stringify(unknown).replaceAll('nobody', 'ID'),
          );
        }
        expect((await ask('nobody', 'GET', '/status')).status).toBe(401);
        expect((await ask('admin', 'POST', '/cleanup-sessions')).problem?.code).toBe('out_of_scope');
      } finally {
        await served.close();
      }
    });

    it('answers 409 without a current session, and 429 to one run too many', async () => {
      const wa = { ...world.wa, currentSession: null };
      const served = await serve(wa, { auth: { tokens: [TOKEN] }, rateLimit: { perMinute: 1 } });
      const call = (method: string, path: string) => fetch(served.url + path, { method, headers: authorized });
      try {
        const none = await call('GET', '/status');
        expect([none.status, (await problemOf(none)).code]).toEqual([409, 'no_current_session']);
        expect((await call('POST', '/sync-all-sessions')).status).toBe(200);
        const limited = await call('POST', '/sync-all-sessions');
        expect([limited.status, (await problemOf(limited)).code]).toEqual([429, 'rate_limited']);
        expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
        expect((await call('GET', '/status?sessionId=current')).status).toBe(200);
      } finally {
        await served.close();
      }
    });

    it('serves metrics where there are some, to a token', async () => {
      expect((await get('/metrics')).status).toBe(404);
      const metrics = createMetrics(world.wa);
      const served = await serve(world.wa, { auth: { tokens: [TOKEN] }, metrics });
      try {
        expect((await fetch(`${served.url}/metrics`)).status).toBe(401);
        const response = await fetch(`${served.url}/metrics`, { headers: authorized });
        expect([response.status, response.headers.get('content-type')]).toEqual([200, metrics.contentType]);
        expect(await response.text()).toContain('# TYPE wa_sync_sessions gauge');
      } finally {
        metrics.close();
        await served.close();
      }
    });

    it('lists sessions by page and reads one', async () => {
      const id = await world.addRow('row with / and ü');
      const first = wire.sessionsAnswer.parse(await (await get('/sessions?limit=1')).json());
      expect(first.sessions).toHaveLength(1);
      const query = new URLSearchParams({ after: first.next ?? '', limit: '1000' });
      const rest = wire.sessionsAnswer.parse(await (await get(`/sessions?${query}`)).json());
      expect(rest.sessions.map((session) => session.id)).toContain(id);
      expect(rest.sessions.map((session) => session.id)).not.toContain(first.sessions[0]?.id);
      const one = wire.sessionAnswer.parse(await (await get(`/sessions/${encodeURIComponent(id)}`)).json());
      expect(one).toMatchObject({ id, stored: { status: 'DISCONNECTED', evidence: 'unobserved' } });
      expect((await get('/sessions?limit=0')).status).toBe(422);
    });

    it('answers 503 while the store is down, is not ready, and lives', async () => {
      const { id } = await world.addSession();
      const row = await world.addRow();
      world.breakStore(true);
      aheadMs += 1_000;
      try {
        for (const response of [
          await post(`/sync-status?sessionId=${id}`),
          await post('/sync-all-sessions'),
          await get('/sessions'),
          await get(`/sessions/${row}`),
          await get(`/status?sessionId=${row}`),
          await get('/health/ready', {}),
        ]) {
          const text = await response.clone().text();
          expect([response.status, text]).toEqual([503, expect.not.stringContaining('5432')]);
          expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
          await problemOf(response);
        }
        expect((await get('/health/live', {})).status).toBe(200);
      } finally {
        world.breakStore(false);
      }
      aheadMs += 1_000;
      expect((await get('/health/ready', {})).status).toBe(200);
    });

    it('stays ready while a phone is offline', async () => {
      const { connection } = await world.addSession();
      connection.script.close('lost');
      expect((await get('/health/ready', {})).status).toBe(200);
    });

    it('serves the OpenAPI document with the path it is mounted under', async () => {
      const document = await (await get('/openapi.json', {})).json();
      expect(document).toMatchObject({ openapi: '3.1.0', servers: [{ url: new URL(url).pathname }] });
    });

    it('ends open streams when the replica stops, so that the server can close', async () => {
      const own = await startWorld();
      const served = await serve(own.wa, { auth: { tokens: [TOKEN] } });
      const response = await fetch(`${served.url}/events`, { headers: authorized });
      const reader = response.body!.getReader();
      await reader.read();
      await own.stop();
      for (;;) if ((await reader.read()).done) break;
      expect((await fetch(`${served.url}/events`, { headers: authorized })).status).toBe(503);
      await served.close();
    });

    it('takes JSON that curl sent as a form, or says what to send', async () => {
      const form = { 'content-type': 'application/x-www-form-urlencoded' };
      const sent = await post('/cleanup-sessions', '{"dryRun":true}', form);
      if (sent.status !== 200) {
        // A parser of the host in front has made a form of it.
        expect([sent.status, (await problemOf(sent)).detail]).toEqual([
          400,
          expect.stringContaining("-H 'content-type: application/json'"),
        ]);
      }
      expect((await post('/sync-status', '', form)).status).toBe(200);
      const fields = await post('/cleanup-sessions', 'dryRun=true', form);
      expect(fields.status).toBeLessThan(500);
      expect(fields.status).toBeGreaterThanOrEqual(400);
      expect((await problemOf(fields)).detail).toContain("-H 'content-type: application/json'");
    });

    it('outlives clients that leave in the middle', async () => {
      const { port, pathname } = new URL(url);
      const base = pathname === '/' ? '' : pathname;
      const heads = [
        `POST ${base}/sync-status HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\ncontent-length: 100\r\n\r\n{"a"`,
        `GET ${base}/status HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`,
      ];
      for (const head of heads) {
        await new Promise<void>((resolve, reject) => {
          const socket = connect(Number(port), '127.0.0.1', () => socket.write(head, () => socket.resetAndDestroy()));
          socket.on('close', () => resolve());
          socket.on('error', reject);
        });
      }
      expect((await get('/status')).status).toBe(200);
    });

    /** Sends chunks for as long as the server takes them, until it ends the connection. */
    function floodOf(port: number, head: string) {
      const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, 'x'), Buffer.from('\r\n')]);
      return new Promise<{ text: string; sentBytes: number; tookMs: number }>((resolve) => {
        const startedMs = performance.now();
        let text = '';
        const socket = connect(port, '127.0.0.1');
        const push = () => {
          if (socket.writable && !socket.destroyed) socket.write(chunk, () => setImmediate(push));
        };
        socket.write(head, push);
        socket.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        // The server may end it while this end still writes.
        socket.on('error', () => {});
        socket.on('close', () =>
          resolve({ text, sentBytes: socket.bytesWritten, tookMs: performance.now() - startedMs }),
        );
      });
    }

    function send(params: { agent: Agent; path: string; body: Buffer; told: boolean }) {
      return new Promise<{ status: number; connection: string | undefined; text: string }>((resolve, reject) => {
        const length: Record<string, number> = params.told ? { 'content-length': params.body.byteLength } : {};
        const headers = { ...authorized, ...length };
        const outgoing = httpRequest(
          url + params.path,
          { method: 'POST', agent: params.agent, headers },
          (response) => {
            let text = '';
            response.setEncoding('utf8').on('data', (part: string) => {
              text += part;
            });
            const { connection } = response.headers;
            response.on('end', () => resolve({ status: response.statusCode ?? 0, connection, text }));
          },
        );
        outgoing.on('error', reject);
        if (!params.told) outgoing.write(params.body.subarray(0, 1));
        outgoing.end(params.told ? params.body : params.body.subarray(1));
      });
    }
  });
}
