import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createWaSync, silentLogger, systemClock, type WaSync, type WaSyncStore } from '@wa-sync/core';
import { createScriptedConnection } from '@wa-sync/testing';
import { describe, expect, it } from 'vitest';
import { createHttpHandler, toNodeHandler } from '../src/index.js';
import { type Listening, listen } from './listen.js';

/** `FLOOD_SECONDS=60` plays it as long as the figure of the docs says. */
const SECONDS = Number(process.env.FLOOD_SECONDS ?? 3);
const client = fileURLToPath(new URL('flood-client.mjs', import.meta.url));

/** What a flood without a token may not do: cost a replica its lease, or the store more than a reading a second. */
export function describeFlood(name: string, openStore: () => Promise<WaSyncStore>): void {
  describe(name, () => {
    it(`keeps every lease under 20 sockets that pipeline /health/ready for ${SECONDS} s`, {
      timeout: SECONDS * 1_000 + 60_000,
    }, async () => {
      const running: { wa: WaSync; server: Listening }[] = [];
      const lost: string[] = [];
      let reads = 0;
      try {
        for (const id of ['one', 'two']) {
          const store = await openStore();
          const list = store.sessions.list.bind(store.sessions);
          store.sessions.list = (params) => {
            reads += 1;
            return list(params);
          };
          const wa = createWaSync({
            store,
            logger: silentLogger,
            jobs: { sync: false, cleanup: false, inactivity: false },
          });
          for (const event of ['lease:lost', 'ownership:lost'] as const)
            wa.on(event, ({ why }) => lost.push(`${id} ${event} ${why}`));
          await wa.start();
          const server = await listen(
            toNodeHandler(createHttpHandler(wa, { auth: { tokens: ['a-token-of-good-length'] } })),
          );
          running.push({ wa, server });
          await wa.sessions.create({ id });
          await wa.attach(createScriptedConnection({ sessionId: id, clock: systemClock })).ready;
        }
        reads = 0;
        const ports = running.map(({ server }) => String(server.port));
        const { stdout } = await promisify(execFile)(process.execPath, [client, String(SECONDS), '20', ...ports]);
        const statuses = JSON.parse(stdout) as Record<string, number>;
        const heard = `${name}: ${stdout.trim()}, ${reads} readings of the store in ${SECONDS} s by two replicas, lost: ${lost.length}`;
        if (process.env.FLOOD_SECONDS) console.log(heard);
        // 503 where this machine is so busy that a reading took longer than 2 s.
        expect(
          Object.keys(statuses).filter((status) => status !== '200' && status !== '503'),
          heard,
        ).toEqual([]);
        expect(lost, heard).toEqual([]);
        // Requests that pile up would take most of the time.
        expect(statuses['200'], heard).toBeGreaterThan(500);
        expect(reads, heard).toBeLessThanOrEqual(2 * (SECONDS + 2));
        for (const { wa } of running) {
          for (const id of ['one', 'two'])
            expect(await wa.sessions.get(id)).toMatchObject({ effective: { status: 'CONNECTED' } });
        }
      } finally {
        for (const { server, wa } of running) {
          await server.close();
          await wa.stop();
        }
      }
    });
  });
}
