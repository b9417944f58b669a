import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@wa-sync/core';
import { SEED } from '@wa-sync/dev/tests/seed';
import type { FakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import type { AuthenticationCreds } from '@whiskeysockets/baileys';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { startPostgres, type TestServer } from '../../postgres/test/start-postgres.js';
import { createBaileysAuthState, multiFileAuth } from '../src/index.js';
import { createLoginSlots } from '../src/session/login-slots.js';
import { REPLACED_PAUSE_MS } from '../src/session/next-step.js';
import { createReplicaWorld, type ReplicaWorld, TICK_MS, TTL_MS } from './replicas/replica-world.js';
import { createChance } from './seeded.js';

/**
 * Real processes, a real database, real Baileys. Each world has sessions and a database of its own, so that all run
 * side by side.
 */
describe.concurrent(`replicas (WA_SYNC_SEED=${SEED})`, () => {
  let postgres: TestServer;
  let whatsapp: FakeWhatsApp;
  let numbers = 0;
  // Two processes a world, and two cores.
  const room = createLoginSlots({ max: 3, perSecond: null, clock: systemClock });

  beforeAll(async () => {
    [postgres, whatsapp] = await Promise.all([startPostgres(), startFakeWhatsApp({ preKeys: 'plenty' })]);
  }, 60_000);

  afterAll(async () => {
    await whatsapp?.close();
    await postgres?.stop();
  });

  async function inWorld(sessions: number, play: (world: ReplicaWorld) => Promise<void>): Promise<void> {
    const leave = await room.take(new AbortController().signal);
    try {
      const phones = Array.from({ length: sessions }, () => `55119${(numbers++).toString().padStart(8, '0')}`);
      const world = await createReplicaWorld({ postgres, whatsapp, phones });
      await play(world).finally(() => world.stop());
    } finally {
      leave?.();
    }
  }

  /** Every row says CONNECTED, vouched for by a living owner, and the server says so too. */
  const allConnected = (world: ReplicaWorld, ids = world.ids) =>
    world.until(`${ids} are connected`, async () => {
      for (const id of ids) {
        const row = await world.row(id);
        if (row.status !== 'CONNECTED' || row.evidence !== 'observed' || !world.session(id).connected) return false;
      }
      return true;
    });
  const events = (world: ReplicaWorld, id: string) => world.session(id).history.map(({ event }) => event);
  const owners = async (world: ReplicaWorld) => Promise.all(world.ids.map(async (id) => (await world.row(id)).owner));

  it('F17: SIGKILL of the owner: right to readers at the ttl, one taker, no QR code', { timeout: 120_000 }, async ({
    expect,
  }) => {
    const chance = createChance('F17');
    await inWorld(3, async (world) => {
      const first = await world.start('one', { sessions: world.ids });
      await Promise.all([world.start('two'), world.start('three')]);
      await allConnected(world);
      const before = await owners(world);
      const earlier = await Promise.all(world.ids.map(async (id) => (await world.changes(id)).length));
      await chance.pause(1_000);
      await first.end('SIGKILL');
      const killedMs = performance.now();
      await world.until(
        'readers see it',
        async () => (await world.row('s0')).evidence === 'expired' || (await world.row('s0')).owner !== before[0],
      );
      expect(performance.now() - killedMs).toBeLessThan(TTL_MS + 1_000);
      await allConnected(world);
      expect(performance.now() - killedMs).toBeLessThan(TTL_MS + 10_000);
      for (const [n, id] of world.ids.entries()) {
        const changes = (await world.changes(id)).slice(earlier[n]);
        expect(changes[0]).toMatchObject({ status: 'DISCONNECTED', evidence: 'expired', reason: 'owner_lost' });
        expect(new Set(changes.flatMap(({ owner }) => owner ?? [])).size).toBe(1);
        expect(changes.map(({ status }) => status)).not.toContain('QR_CODE');
        expect(world.session(id).logins).toBe(2);
        expect(events(world, id)).not.toContain('replaced');
      }
    });
  });

  it('F18: a rolling update: B starts before A ends, never two sockets, no 440', { timeout: 120_000 }, async ({
    expect,
  }) => {
    const chance = createChance('F18');
    await inWorld(3, async (world) => {
      const old = await world.start('old', { sessions: world.ids });
      await allConnected(world);
      const before = await owners(world);
      await world.start('new');
      await chance.pause(1_000);
      const startedMs = performance.now();
      await old.end('SIGTERM');
      await allConnected(world);
      expect(performance.now() - startedMs).toBeLessThan(10_000);
      for (const [n, id] of world.ids.entries()) {
        const changes = await world.changes(id);
        const end = changes.findIndex(({ reason }) => reason === 'shutdown');
        expect(changes[end]).toMatchObject({ status: 'DISCONNECTED' });
        expect(changes.slice(end + 1).filter(({ owner }) => owner === before[n])).toEqual([]);
        expect(world.session(id).logins).toBe(2);
        expect(events(world, id)).not.toContain('replaced');
      }
    });
  });

  it('F19: an owner that stood still past its ttl writes nothing under its old tenure, and closes what another holds', {
    timeout: 120_000,
  }, async ({ expect }) => {
    const chance = createChance('F19');
    await inWorld(3, async (world) => {
      const paused = await world.start('paused', { sessions: world.ids });
      await allConnected(world);
      const before = await owners(world);
      await world.start('other');
      await chance.pause(500);
      paused.signal('SIGSTOP');
      await world.until('the other has them all', async () => {
        const now = await Promise.all(world.ids.map((id) => world.row(id)));
        return now.every(({ owner, status }, n) => owner !== before[n] && status === 'CONNECTED');
      });
      const taken = await Promise.all(world.ids.map((id) => world.changes(id)));
      await chance.pause(1_000);
      paused.signal('SIGCONT');
      await paused.says(({ event }) => event === 'lease:back');
      for (const id of world.ids) await paused.says((said) => said.event === 'ownership:lost' && said.sessionId === id);
      await allConnected(world);
      for (const [n, id] of world.ids.entries()) {
        const since = (await world.changes(id)).slice(taken[n]?.length);
        expect(since.filter(({ owner }) => owner === before[n])).toEqual([]);
        // Its socket was thrown out by the login of its successor, once, and it did not throw that one out.
        expect(events(world, id).filter((event) => event === 'replaced')).toHaveLength(1);
        expect(world.session(id).logins).toBe(2);
        expect(world.session(id).connections).toHaveLength(1);
      }
    });
  });

  it('F23: a database that is gone for all, longer than the ttl, across closes; once unreachable, once silent', {
    timeout: 120_000,
  }, async ({ expect }) => {
    const chance = createChance('F23 all');
    await inWorld(4, async (world) => {
      const proxy = await world.startProxy();
      const [left, right] = [world.ids.slice(0, 2), world.ids.slice(2)];
      await world.start('one', { sessions: left, proxy });
      await world.start('two', { sessions: right, proxy });
      await allConnected(world);
      const before = await owners(world);
      expect(new Set(before).size).toBe(2);
      const closes = new Map(world.ids.map((id) => [id, 0]));
      const close = (id: string, fault: 'fin' | 'rst') => {
        world.session(id)[fault]();
        closes.set(id, (closes.get(id) ?? 0) + 1);
      };
      for (const kind of ['reset', 'black-hole'] as const) {
        proxy.plan(() => ({ kind }));
        await chance.pause(TTL_MS);
        const closed = chance.pick(world.ids);
        close(closed, 'fin');
        await new Promise((resolve) => setTimeout(resolve, TTL_MS + chance.between(500, 1_500)));
        // One more that nobody can have written down, right before the database is back.
        close(chance.pick(world.ids.filter((id) => id !== closed)), 'rst');
        proxy.plan(null);
        proxy.heal();
        await allConnected(world);
        expect(await owners(world)).toEqual(before);
      }
      for (const id of world.ids) {
        // Sockets that nobody closed were not touched.
        expect(world.session(id).logins).toBe(1 + (closes.get(id) ?? 0));
        expect(events(world, id)).not.toContain('replaced');
      }
    });
  });

  it('F23: a database that is gone for one replica: its sessions go over to the other, and the two do not take them from each other', {
    timeout: 120_000,
  }, async ({ expect }) => {
    const chance = createChance('F23 one');
    await inWorld(4, async (world) => {
      const proxy = await world.startProxy();
      const [left, right] = [world.ids.slice(0, 2), world.ids.slice(2)];
      const alone = await world.start('alone', { sessions: left, proxy });
      await world.start('other', { sessions: right });
      await allConnected(world);
      const before = await owners(world);
      proxy.plan(() => ({ kind: 'reset' }));
      await world.until('the other has them', async () => {
        const now = await Promise.all(left.map((id) => world.row(id)));
        return now.every(({ owner, status }) => owner === before[2] && status === 'CONNECTED');
      });
      // Long enough for the loser to come back from its pause, if it did.
      await new Promise((resolve) => setTimeout(resolve, 2 * REPLACED_PAUSE_MS));
      await chance.pause(1_000);
      await allConnected(world);
      proxy.plan(null);
      await alone.says(({ event }) => event === 'lease:back');
      await allConnected(world);
      for (const [n, id] of world.ids.entries()) {
        const robbed = events(world, id).filter((event) => event === 'replaced');
        expect(robbed).toHaveLength(n < 2 ? 1 : 0);
        expect(world.session(id).logins).toBe(n < 2 ? 2 : 1);
        expect(await owners(world)).toEqual(Array(4).fill(before[2]));
      }
    });
  });

  it.for(['files', 'database'] as const)(
    'F21: kill -9 in the middle of writing credentials (%s): old or new ones, whole, and the same identity',
    { timeout: 120_000 },
    async (where, { expect }) => {
      const chance = createChance(`F21 ${where}`);
      const folder = await mkdtemp(join(tmpdir(), 'wa-sync-creds-'));
      try {
        await inWorld(1, async (world) => {
          const kept = where === 'files' ? { folder } : {};
          const load = async (): Promise<AuthenticationCreds> => {
            const source = multiFileAuth({ folder });
            const { state } = await (where === 'files'
              ? source({ sessionId: 's0', tenure: null })
              : createBaileysAuthState({ store: world.store.auth, sessionId: 's0' }));
            return state.creds;
          };
          if (where === 'files') {
            const source = multiFileAuth({ folder });
            const { state, saveCreds } = await source({ sessionId: 's0', tenure: null });
            const stored = await createBaileysAuthState({ store: world.store.auth, sessionId: 's0' });
            Object.assign(state.creds, stored.state.creds);
            await saveCreds();
          }
          const { noiseKey, me } = await load();
          for (let kill = 0; kill < 2; kill++) {
            const writer = await world.start('writer', { ...kept, writesCreds: 's0' });
            const first = await writer.says(({ event }) => event === 'saved');
            const round = (first.counter ?? 0) + Math.ceil(chance.between(0, 10));
            // Right after a write has begun, so that it is met in its middle.
            await writer.says(({ event, counter }) => event === 'saving' && counter === round);
            await chance.pause(6);
            await writer.end('SIGKILL');
            const saved = writer.said.filter(({ event }) => event === 'saved');
            const last = Math.max(...saved.map(({ counter = 0 }) => counter));
            const creds = await load();
            expect(creds).toMatchObject({ noiseKey, me });
            expect(creds.accountSyncCounter).toBeGreaterThanOrEqual(last);
            expect(creds.accountSyncCounter).toBeLessThanOrEqual(last + 2);
          }
          await world.start('one', { ...kept, sessions: ['s0'] });
          await allConnected(world);
          expect((await world.changes('s0')).map(({ status }) => status)).not.toContain('QR_CODE');
        });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  );

  it('a tick is short beside the lease, or these tests would show nothing', ({ expect }) => {
    expect(TICK_MS * 3).toBeLessThan(TTL_MS);
  });
});
