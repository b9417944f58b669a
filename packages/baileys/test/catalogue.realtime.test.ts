import { SEED } from '@wa-sync/dev/tests/seed';
import * as rc14 from '@whiskeysockets/baileys';
import * as rc13 from 'baileys-rc13';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { REPLACED_PAUSE_MS } from '../src/session/next-step.js';
import {
  type CatalogueWorld,
  createCatalogueWorld,
  HANDLERS_STALLED_AFTER_MS,
  PROBE,
  type Told,
} from './catalogue-world.js';
import { createChance } from './seeded.js';

/** What a machine that is busy with other things may take longer. */
const SLACK_MS = 4_000;
/** Silence, the scan, and as many questions as it takes. */
const DEAD_WITHIN_MS = PROBE.silenceMs + 200 + PROBE.failures * PROBE.timeoutMs;

describe.each([
  ['7.0.0-rc14', rc14],
  ['7.0.0-rc13', rc13],
] as const)(
  `the failure catalogue on Baileys %s (WA_SYNC_SEED=${SEED})`,
  { concurrent: true, timeout: 60_000 },
  (version, baileys) => {
    let world: CatalogueWorld;
    let calm: Awaited<ReturnType<CatalogueWorld['connected']>>[];

    beforeAll(async () => {
      world = await createCatalogueWorld(baileys);
      calm = await Promise.all(['calm-0', 'calm-1', 'calm-2', 'calm-3'].map((id) => world.connected(id)));
    });

    afterAll(async () => {
      await world?.stop();
    });

    const chanceOf = (id: string) => createChance(`${version} ${id}`);

    it('F01: a silent link is found by probes, ended, and opened once', async ({ expect }) => {
      const session = await world.connected('F01');
      await chanceOf('F01').pause(1_500);
      const startedMs = performance.now();
      session.device.goSilent();
      await session.becomes('RECONNECTING', { reason: 'silent' });
      expect(performance.now() - startedMs).toBeLessThan(DEAD_WITHIN_MS + SLACK_MS);
      await session.becomes('CONNECTED');
      expect(session.device.logins).toBe(2);
      expect(session.device.connected).toBe(true);
    });

    it('F02: each stalled connection is reported and replaced, and where that does not help a restart is asked for once; inactive ones are left alone', {
      timeout: 90_000,
    }, async ({ expect }) => {
      const chance = chanceOf('F02');
      const stalled = await Promise.all(['F02-a', 'F02-b', 'F02-c'].map((id) => world.connected(id)));
      await Promise.all(
        stalled.map(async (session, n) => {
          const contact = world.server.contact(`4917000000${n}`, 'Ada');
          await chance.pause(1_000);
          const store = world.hang(session.id);
          const first = await contact.sendText(session.phone, 'hello');
          const startedMs = performance.now();
          const isDegraded = (one: Told) => one.name === 'session:changed' && one.health === 'degraded';
          expect(await session.tells(isDegraded, 'degraded')).toMatchObject({
            to: 'CONNECTED',
            reason: { code: 'handlers_stalled' },
          });
          expect(performance.now() - startedMs).toBeLessThan(HANDLERS_STALLED_AFTER_MS + SLACK_MS);
          const isGivenUp = (one: Told) => one.name === 'session:changed' && one.to === 'RECONNECTING';
          expect(await session.tells(isGivenUp, 'given up')).toMatchObject({ reason: { code: 'handlers_stalled' } });
          expect(session.told('session:restart-requested')).toEqual([]);
          await session.becomes('CONNECTED');
          await contact.sendText(session.phone, 'are you there?');
          await session.tells(({ name }) => name === 'session:restart-requested', 'a restart is asked for');
          expect(session.told('session:restart-requested')).toMatchObject([{ reason: { code: 'handlers_stalled' } }]);
          store.release();
          await session.rowThat(({ health, status }) => health === 'healthy' && status === 'CONNECTED', 'healthy');
          await contact.waitForReceipt(first.id);
          expect(session.told('session:restart-requested')).toHaveLength(1);
        }),
      );
      for (const session of calm) {
        expect(session.device.logins).toBe(1);
        expect(session.written().filter((one) => one !== 'CONNECTING')).toEqual(['CONNECTED']);
        expect(session.told('session:health')).toEqual([]);
      }
    });

    it.for(['handshake', 'success'] as const)(
      'F04: a login that falls silent after %s is never CONNECTED, and is given up',
      async (silentAfter, { expect }) => {
        const session = await world.connected(`F04-${silentAfter}`);
        await chanceOf(`F04 ${silentAfter}`).pause(500);
        session.device.planNextLogin({ silentAfter });
        const before = session.written().length;
        session.device.fin();
        await session.rowThat(({ reason }) => reason?.code === 'login_timeout', 'the end of the attempt');
        expect(session.written().slice(before)).not.toContain('CONNECTED');
        await session.becomes('CONNECTED');
      },
    );

    it('F06: a close is written within a second and stands through the back-off, and sends are refused meanwhile', async ({
      expect,
    }) => {
      const session = await world.connected('F06');
      await chanceOf('F06').pause(500);
      session.device.failNextLogin(503, { times: 3 });
      const startedMs = performance.now();
      session.device.fin();
      await session.becomes('RECONNECTING');
      expect(performance.now() - startedMs).toBeLessThan(1_000 + SLACK_MS);
      await session.rowThat(
        ({ reconnectAttempt, status }) => status === 'CONNECTED' || reconnectAttempt >= 2,
        'retries',
      );
      await session.becomes('CONNECTED');
      const after = session.written().slice(session.written().indexOf('CONNECTED') + 1);
      expect(after.slice(0, -1).every((one) => one.startsWith('RECONNECTING'))).toBe(true);
      expect(after.at(-1)).toBe('CONNECTED');
    });

    it('F08: a crowd of closes is one reconnect', async ({ expect }) => {
      const session = await world.connected('F08');
      await chanceOf('F08').pause(500);
      const again = session.device.waitForNextLogin();
      session.device.streamError(503);
      session.device.connections[0]?.rst();
      await Promise.all(Array.from({ length: 50 }, () => world.wa.forceSync(session.id)));
      await again;
      await session.becomes('CONNECTED');
      expect(session.device.logins).toBe(2);
      expect(session.device.connections).toHaveLength(1);
    });

    it('F09: one 440 and the claim is lost: the loser stops and writes nothing', async ({ expect }) => {
      const session = await world.connected('F09');
      const chance = chanceOf('F09');
      await chance.pause(500);
      await world.store.leases.join({ incarnation: `winner-${version}`, replicaId: 'winner', ttlMs: 600_000 });
      const claims = [{ id: session.id, tenure: `won-${version}`, mode: 'takeover' as const }];
      const take = () => world.store.sessions.claim({ owner: `winner-${version}`, claims });
      if (chance.random.next() < 0.5) {
        await take();
        session.device.streamError({ conflict: 'replaced' });
      } else {
        session.device.streamError({ conflict: 'replaced' });
        await take();
      }
      const taken = await session.row();
      // The longest pause after a 440, and time for the login that must not follow.
      await session.staysOffline(2 * REPLACED_PAUSE_MS + 500);
      expect(session.device.logins).toBeLessThanOrEqual(2);
      expect(await session.row()).toMatchObject({ owner: taken.owner, tenure: taken.tenure, version: taken.version });
    });

    it('F10: five 440s with the lease held are REPLACED, with a pause', async ({ expect }) => {
      const session = await world.connected('F10');
      const chance = chanceOf('F10');
      for (let login = 1; login <= 5; login++) {
        await session.device.waitForLogin();
        await session.becomes('CONNECTED');
        await chance.pause(150);
        session.device.streamError({ conflict: 'replaced' });
        await session.rowThat(({ reason }) => reason?.code === 'replaced', 'a 440');
      }
      await session.becomes('REPLACED');
      await chance.pause(500);
      expect(session.device.logins).toBe(5);
    });

    it('F11: ten who make sure that it is connected share one socket', async ({ expect }) => {
      const session = await world.unpaired('F11');
      const creds = await world.connected('F11-linked');
      await world.wa.sessions.stop(creds.id);
      await creds.device.waitForState('offline');
      const logins = creds.device.logins;
      await Promise.all(Array.from({ length: 10 }, () => world.wa.sessions.start(creds.id)));
      await creds.becomes('CONNECTED');
      expect(creds.device.logins).toBe(logins + 1);
      expect((await session.row()).status).toBe('DISCONNECTED');
    });

    it('F12: pairing, its 515, and CONNECTED within 5 s', async ({ expect }) => {
      const session = await world.unpaired('F12');
      for await (const step of world.wa.sessions.pair(session.id)) {
        if (!('qr' in step)) continue;
        await chanceOf('F12').pause(300);
        await world.server.pair(step.qr, { phone: session.phone });
        const startedMs = performance.now();
        await session.becomes('CONNECTED');
        expect(performance.now() - startedMs).toBeLessThan(5_000 + SLACK_MS);
      }
      const words = session.written().map((one) => one.split('/')[0]);
      expect(words.filter((word, n) => word !== words[n - 1])).toEqual(['CONNECTING', 'QR_CODE', 'CONNECTED']);
      expect(session.device.connected).toBe(true);
    });

    it('F13: QR codes that nobody scans are no outage', async ({ expect }) => {
      const session = await world.unpaired('F13');
      await world.wa.sessions.start(session.id);
      const row = await session.becomes('DISCONNECTED', { reason: 'qr_expired' });
      expect(row.reconnectAttempt).toBe(0);
      expect(session.written().at(-1)).toBe('DISCONNECTED/qr_expired');
    });

    it.for(['device_removed', '403'] as const)(
      'F15: %s: logged out, no retry, credentials aside',
      async (how, { expect }) => {
        const session = await world.connected(`F15-${how}`);
        await chanceOf(`F15 ${how}`).pause(500);
        if (how === 'device_removed') session.device.logOut();
        else {
          session.device.failNextLogin(403);
          session.device.fin();
        }
        await session.becomes('LOGGED_OUT');
        await session.staysOffline();
        const kept = await world.store.auth?.read({ sessionId: session.id, type: 'creds', ids: ['creds'] });
        expect(kept?.size).toBe(0);
      },
    );

    it('F16: a refused client is an ERROR after three attempts, credentials kept', async ({ expect }) => {
      const session = await world.connected('F16');
      await chanceOf('F16').pause(500);
      session.device.failNextLogin(405, { times: 10 });
      session.device.fin();
      await session.becomes('ERROR', { reason: 'client_refused' });
      expect(session.device.history.filter(({ event }) => event === 'login-refused')).toHaveLength(3);
      const kept = await world.store.auth?.read({ sessionId: session.id, type: 'creds', ids: ['creds'] });
      expect(kept?.size).toBe(1);
    });

    it('F26: a link that has gone and whose end Baileys does not emit is RECONNECTING within 5 s, and healed', async ({
      expect,
    }) => {
      world.hangNextEnd('F26');
      const session = await world.connected('F26');
      await chanceOf('F26').pause(500);
      const startedMs = performance.now();
      session.device.rst();
      await session.becomes('RECONNECTING', { reason: 'connection_closed' });
      expect(performance.now() - startedMs).toBeLessThan(5_000 + SLACK_MS);
      await session.becomes('CONNECTED');
      expect(session.device.logins).toBe(2);
    });

    it('a frame that ends the Node process is contained, and the socket opened again at once', async ({ expect }) => {
      const session = await world.connected('garbage');
      await chanceOf('garbage').pause(500);
      session.device.sendGarbage();
      const startedMs = performance.now();
      await session.becomes('RECONNECTING', { reason: 'stream_broken' });
      await session.becomes('CONNECTED');
      expect(performance.now() - startedMs).toBeLessThan(SLACK_MS);
      expect(session.device.logins).toBe(2);
    });
  },
);
