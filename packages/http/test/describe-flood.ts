import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createWaSync, type Logger, systemClock, type WaSync, type WaSyncStore } from '@wa-sync/core';
import { createScriptedConnection } from '@wa-sync/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Access, createHttpHandler, toNodeHandler } from '../src/index.js';
import { type Listening, listen } from './listen.js';

/** `FLOOD_SECONDS=60` plays it as long as the figure of the docs says. */
const SECONDS = Number(process.env.FLOOD_SECONDS ?? 2);
const client = fileURLToPath(new URL('flood-client.mjs', import.meta.url));
const IDS = ['one', 'two'];

interface Flood {
  readonly path: string;
  readonly sockets: number;
  readonly token?: string;
  readonly depth?: number;
}

/** Two replicas on one store, each with a session and a server, and what became of them. */
async function startReplicas(openStore: () => Promise<WaSyncStore>) {
  const running: { wa: WaSync; server: Listening }[] = [];
  const lost: string[] = [];
  const lines: string[] = [];
  const calls = { reads: 0, underWay: 0, most: 0 };
  const note = (_: object, text: string) => void lines.push(text);
  const logger: Logger = { debug() {}, info() {}, warn: note, error: note };
  const auth = (request: Request): Access => ({
    role: 'viewer',
    sessionIds: 'all',
    id: request.headers.get('x-api-key') ?? '',
  });
  for (const id of IDS) {
    const store = await openStore();
    const list = store.sessions.list.bind(store.sessions);
    let underWay = 0;
    store.sessions.list = async (params) => {
      calls.reads += 1;
      underWay += 1;
      calls.most = Math.max(calls.most, underWay);
      return list(params).finally(() => {
        underWay -= 1;
      });
    };
    const wa = createWaSync({ store, logger, jobs: { sync: false, cleanup: false, inactivity: false } });
    for (const event of ['lease:lost', 'ownership:lost'] as const)
      wa.on(event, ({ why }) => lost.push(`${id} ${event} ${why}`));
    await wa.start();
    const server = await listen(toNodeHandler(createHttpHandler(wa, { auth })));
    running.push({ wa, server });
    await wa.sessions.create({ id });
    await wa.attach(createScriptedConnection({ sessionId: id, clock: systemClock })).ready;
  }
  calls.reads = 0;
  calls.most = 0;
  lines.length = 0;
  return { running, lost, lines, calls };
}

/** What no flood may do: cost a replica its lease, keep another caller waiting, or fill the store's pool or the log. */
export function describeFlood(name: string, openStore: () => Promise<WaSyncStore>): void {
  describe(name, () => {
    let replicas: Awaited<ReturnType<typeof startReplicas>>;
    beforeEach(async () => {
      replicas = await startReplicas(openStore);
    });
    afterEach(async () => {
      for (const { server, wa } of replicas.running) {
        await server.close();
        await wa.stop();
      }
    });

    /** Floods both, while another caller asks one for the session of each, and returns what came. */
    async function play(flood: Flood) {
      const { running, lost, lines, calls } = replicas;
      const ports = running.map(({ server }) => server.port);
      const flooding = promisify(execFile)(process.execPath, [
        client,
        JSON.stringify({ ...flood, seconds: SECONDS, ports }),
      ]);
      let over = false;
      const waits: number[] = [];
      const others = new Set<number>();
      const asking = (async () => {
        for (let at = 0; !over; at += 1) {
          const startedMs = performance.now();
          const url = `${running[0]?.server.origin}/whatsapp/status?sessionId=${IDS[at % 2]}`;
          others.add((await fetch(url, { headers: { 'x-api-key': 'another' } })).status);
          waits.push(performance.now() - startedMs);
          await pause(20);
        }
      })();
      const { stdout } = await flooding.finally(() => {
        over = true;
      });
      await asking;
      waits.sort((a, b) => a - b);
      const p99Ms = Math.round(waits[Math.floor(waits.length * 0.99)] ?? Number.NaN);
      const heard = `${name}, ${JSON.stringify(flood)}, ${SECONDS} s: ${stdout.trim()}, ${calls.reads} readings, at most ${calls.most} at once, lost: ${lost.length}, another's ${waits.length} GET /status in ${p99Ms} ms at p99, lines: ${lines.join('; ')}`;
      if (process.env.FLOOD_SECONDS) console.log(heard);
      const statuses = JSON.parse(stdout) as Record<string, number>;
      // 503 where this machine is so busy that a reading took longer than 2 s, and what finds no place.
      expect(
        Object.keys(statuses).filter((status) => status !== '200' && status !== '503'),
        heard,
      ).toEqual([]);
      expect(lost, heard).toEqual([]);
      expect([...others], heard).toEqual([200]);
      for (const line of new Set(lines.map((line) => line.replace(/\(.*|\d+/g, ''))))
        expect(lines.filter((other) => other.startsWith(line)).length, heard).toBeLessThanOrEqual(
          2 * Math.ceil(2 + SECONDS / 60),
        );
      for (const { wa } of running) {
        for (const id of IDS) expect(await wa.sessions.get(id)).toMatchObject({ effective: { status: 'CONNECTED' } });
      }
      return { statuses, heard, p99Ms };
    }

    const timeout = SECONDS * 1_000 + 60_000;

    it.runIf(process.env.FLOOD_SECONDS).each<Flood>([
      { path: '/whatsapp/health/ready', sockets: 20 },
      { path: '/whatsapp/sessions', sockets: 5, token: 'flood' },
      { path: '/whatsapp/sessions', sockets: 2_000, token: 'flood', depth: 1 },
    ])(
      'keeps another caller no more than twice as long as a flood of /health/live does: $path, $sockets sockets',
      {
        timeout: 2 * timeout,
      },
      async (flood) => {
        const floor = await play({ ...flood, path: '/whatsapp/health/live' });
        const { p99Ms, heard } = await play(flood);
        expect(p99Ms / floor.p99Ms, heard).toBeLessThanOrEqual(2);
      },
    );

    it(`stands 20 sockets that pipeline /health/ready for ${SECONDS} s`, { timeout }, async () => {
      const { statuses, heard } = await play({ path: '/whatsapp/health/ready', sockets: 20 });
      // Requests that pile up would take most of the time.
      expect(statuses['200'], heard).toBeGreaterThan(300);
      expect(replicas.calls.reads, heard).toBeLessThanOrEqual(2 * (SECONDS + 2));
    });

    it.each<Flood>([
      { path: '/whatsapp/sessions', sockets: 5, token: 'flood' },
      { path: '/whatsapp/sessions', sockets: 2_000, token: 'flood', depth: 1 },
    ])(`stands $sockets sockets of a viewer that ask for sessions for ${SECONDS} s`, { timeout }, async (flood) => {
      const { statuses, heard } = await play(flood);
      expect(statuses['200'], heard).toBeGreaterThan(0);
      // Four of this caller; readiness is not asked for.
      expect(replicas.calls.most, heard).toBeLessThanOrEqual(4);
    });
  });
}
