import { connect } from 'node:net';
import { SEED } from '@wa-sync/dev/tests/seed';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matchRoutes } from '../src/handler/match-routes.js';
import { createHttpHandler, PROBLEMS, toNodeHandler } from '../src/index.js';
import { createMetrics, type Metrics } from '../src/metrics.js';
import { problemsOf } from '../src/routes/openapi.js';
import type { Route } from '../src/routes/route.js';
import { ROUTES } from '../src/routes/routes.js';
import { CANARY_NUMBER, CANARY_TOKEN, type FuzzedRequest, fuzzedRequest } from './fuzz-requests.js';
import { type Listening, listen } from './listen.js';
import { startWorld, type World } from './start-world.js';

/** `FUZZ_REQUESTS=100000` is the whole of it. */
const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 3_000);
const AT_ONCE = 20;

/**
 * Pieces in, the whole answer out; a server that hangs up says nothing. A stream of events is read to its first bytes.
 */
function exchange(port: number, { pieces, leaves }: FuzzedRequest): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', async () => {
      for (const { bytes, afterMs } of pieces) {
        if (afterMs > 0) await new Promise((go) => setTimeout(go, afterMs));
        if (socket.destroyed) return;
        socket.write(bytes);
      }
      if (leaves) socket.resetAndDestroy();
      else socket.end();
    });
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part;
      if (text.includes('text/event-stream') && text.includes('retry: ')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

const match = matchRoutes(ROUTES);

/** The route that a request is for; `null` where it is none that this test can name. */
function routeOf({ method, target }: FuzzedRequest): Route | null {
  const path = /^(?:[^:/?#]+:\/\/[^/?#]*)?\/whatsapp(\/[^?#]*)/.exec(target)?.[1];
  const found = path === undefined ? null : match(method, path.replace(/\/+$/, '') || '/');
  return found && 'route' in found ? found.route : null;
}

/** What an endpoint may answer, by its own declaration. */
function declaredOf(route: Route): Set<number> {
  return new Set([
    ...Object.keys(route.answers).map(Number),
    ...problemsOf(route).map((code) => PROBLEMS[code].status),
  ]);
}

// Node's own parser answers these before a request gets to us.
const PARSER = new Set([400, 408, 417, 431]);

describe('requests that nobody expects', () => {
  let world: World;
  let server: Listening;
  let metrics: Metrics;
  const logged: string[] = [];
  const crashes: unknown[] = [];
  const crashed = (error: unknown) => void crashes.push(error);

  beforeAll(async () => {
    process.on('uncaughtExceptionMonitor', crashed);
    const log = (fields: object, message: string) => {
      const error = 'err' in fields && fields.err instanceof Error ? fields.err.stack : '';
      logged.push(`${message} ${JSON.stringify(fields)} ${error}`);
    };
    world = await startWorld({ logger: { debug: log, info: log, warn: log, error: log } });
    const { connection } = await world.addSession('known');
    connection.script.set({ phone: CANARY_NUMBER, status: 'QR_CODE', qr: `2@${CANARY_NUMBER}` });
    await world.wa.syncNow('known');
    connection.script.close(`code_${CANARY_NUMBER}`);
    await world.wa.syncNow('known');
    metrics = createMetrics(world.wa);
    const options = { auth: { tokens: [CANARY_TOKEN] }, rateLimit: { perMinute: 1_000_000 }, metrics };
    server = await listen(toNodeHandler(createHttpHandler(world.wa, options)));
  });
  afterAll(async () => {
    process.off('uncaughtExceptionMonitor', crashed);
    metrics?.close();
    await server?.close();
    await world?.stop();
  });

  it('are answered with what is declared, and show no secret', async () => {
    const seen = new Map<number, number>();
    let sent = 0;
    const judge = async (request: FuzzedRequest, storeDown: boolean) => {
      const answer = await exchange(server.port, request);
      sent += 1;
      if (answer === '') return;
      // What came last: `100 Continue` may stand before it.
      const status = Number([...answer.matchAll(/^HTTP\/1.1 (\d{3})/gm)].at(-1)?.[1]);
      seen.set(status, (seen.get(status) ?? 0) + 1);
      const route = routeOf(request);
      const what = `WA_SYNC_SEED=${SEED}: ${request.method} ${JSON.stringify(request.target)} answered ${status}`;
      if (status !== 100 && !PARSER.has(status)) {
        if (route) expect(declaredOf(route), what).toContain(status);
        else expect([404, 405], what).toContain(status);
      }
      expect(status, what).not.toBe(500);
      // What was found of the store a moment ago is known for a second.
      if (!storeDown && route?.path !== '/status' && route?.path !== '/health/ready')
        expect(status, what).not.toBe(503);
      expect(answer, what).not.toContain(CANARY_TOKEN);
      expect(answer, what).not.toContain(CANARY_NUMBER);
    };
    for (let batch = 0; batch < REQUESTS / AT_ONCE; batch += 1) {
      const requests = fc.sample(fuzzedRequest, { seed: SEED + batch, numRuns: AT_ONCE });
      const storeDown = batch % 20 === 19;
      world.breakStore(storeDown);
      await Promise.all(requests.map((request) => judge(request, storeDown)));
    }
    world.breakStore(false);
    console.log(
      `WA_SYNC_SEED=${SEED}: ${sent} requests, by status: ${JSON.stringify(Object.fromEntries([...seen].sort(([a], [b]) => a - b)))}`,
    );
    expect(sent).toBeGreaterThanOrEqual(REQUESTS);
    // Requests that all fail at the door would show nothing.
    for (const status of [200, 400, 401, 404, 405, 413, 422, 503]) expect(seen.get(status) ?? 0).toBeGreaterThan(0);
    expect(crashes).toEqual([]);
    const said = logged.join('\n');
    expect(said.length).toBeGreaterThan(1_000);
    const exposed = await metrics.text();
    expect(exposed).toContain('wa_sync_store_up 1');
    for (const canary of [CANARY_TOKEN, CANARY_NUMBER]) {
      expect(said).not.toContain(canary);
      expect(exposed).not.toContain(canary);
    }
    const alive = await fetch(`${server.origin}/whatsapp/status`, { headers: { 'x-api-key': CANARY_TOKEN } });
    expect(alive.status).toBe(200);
  }, 1_200_000);
});
