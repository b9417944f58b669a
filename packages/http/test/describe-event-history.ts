import { createWaSync, systemClock, type Transition, type WaSync, type WaSyncStore } from '@wa-sync/core';
import { createScriptedConnection, type ScriptedConnection } from '@wa-sync/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpHandler, toNodeHandler } from '../src/index.js';
import { type Listening, listen } from './listen.js';
import { createEventClient, type EventClient } from './listen-to-events.js';

/**
 * What must hold of `GET /events` wherever changes are stored: over real sockets, with several replicas on one store.
 */
export function describeEventHistory(name: string, openStore: () => Promise<WaSyncStore>): void {
  describe(name, () => {
    const running: { wa: WaSync; server: Listening }[] = [];
    afterEach(async () => {
      for (const { wa, server } of running.splice(0)) {
        await server.close();
        await wa.stop();
      }
    });

    async function replica(sessionIds?: readonly string[]) {
      const wa = createWaSync({ store: await openStore(), jobs: { sync: false, cleanup: false, inactivity: false } });
      await wa.start();
      const auth = () => ({ role: 'viewer' as const, sessionIds: sessionIds ?? ('all' as const) });
      const server = await listen(toNodeHandler(createHttpHandler(wa, { auth })));
      running.push({ wa, server });
      return { wa, url: `${server.origin}/whatsapp/events`, server };
    }

    async function stop({ wa, server }: { wa: WaSync; server: Listening }) {
      running.splice(
        running.findIndex((one) => one.wa === wa),
        1,
      );
      await server.close();
      await wa.stop();
    }

    async function attach(wa: WaSync, sessionId: string) {
      if (!(await wa.sessions.get(sessionId))) await wa.sessions.create({ id: sessionId });
      const connection = createScriptedConnection({ sessionId, clock: systemClock });
      await wa.attach(connection).ready;
      await wa.syncNow(sessionId);
      return connection;
    }

    /** One change of status, written when it settles. */
    async function change(wa: WaSync, connection: ScriptedConnection, to: 'open' | 'lost') {
      if (to === 'open') connection.script.open();
      else connection.script.close('lost');
      await wa.syncNow(connection.sessionId);
    }

    /** All that the store has of what came after a client's first id, straight from it. */
    async function storedAfter(wa: WaSync, firstId: string): Promise<Transition[]> {
      const all: Transition[] = [];
      let after = firstId;
      for (;;) {
        const { transitions, next } = await wa.history.since({ after, limit: 1_000 });
        all.push(...transitions);
        after = next;
        if (transitions.length < 1_000) return all;
      }
    }

    const seen = ({ changes }: EventClient) => changes.map(({ sessionId, from, to, at }) => [sessionId, from, to, at]);
    const kept = (transitions: readonly Transition[]) =>
      transitions.map(({ sessionId, from, to, at }) => [sessionId, from, to, at.toISOString()]);

    it('misses nothing between replicas and over a restart, and sends nothing twice', async () => {
      const [one, two] = [await replica(), await replica()];
      const [a, b] = [await attach(one.wa, 'a'), await attach(two.wa, 'b')];
      const client = createEventClient();
      await client.connect(one.url);
      // Before anything happened, a cut is survived already.
      await client.cut();
      await change(one.wa, a, 'lost');
      await client.connect(two.url);
      await client.until(({ changes }) => changes.length === 1);
      // Made by the other replica, sent by this one.
      await change(one.wa, a, 'open');
      await change(two.wa, b, 'lost');
      await client.until(({ changes }) => changes.length === 3);
      await client.cut();
      await change(two.wa, b, 'open');
      await stop(two);
      await change(one.wa, a, 'lost');
      const three = await replica();
      await client.connect(three.url);
      await client.until(({ changes }) => changes.length === 6);
      await change(one.wa, a, 'open');
      await client.until(({ changes }) => changes.length === 7);
      await client.cut();
      await client.connect(one.url);
      await attach(three.wa, 'b');
      await client.until(({ changes }) => changes.length === 8);
      expect(seen(client)).toEqual(kept(await storedAfter(one.wa, client.ids[0]!.id)));
      expect(client.changes.map(({ sessionId, to }) => `${sessionId} ${to}`)).toEqual([
        'a RECONNECTING',
        'a CONNECTED',
        'b RECONNECTING',
        'b CONNECTED',
        'b DISCONNECTED',
        'a RECONNECTING',
        'a CONNECTED',
        'b CONNECTED',
      ]);
      expect(client.others).not.toContain('missed');
      await client.cut();
    });

    it('keeps that while changes never rest and connections are cut all the time', async () => {
      const [one, two] = [await replica(), await replica()];
      const [a, b] = [await attach(one.wa, 'a'), await attach(two.wa, 'b')];
      let over = false;
      const write = async ({ wa }: typeof one, connection: ScriptedConnection) => {
        for (let at = 0; !over; at += 1) {
          await change(wa, connection, at % 2 === 0 ? 'lost' : 'open');
          // The memory store alone would never let a socket have its turn.
          await new Promise(setImmediate);
        }
      };
      const writing = [write(one, a), write(two, b)];
      const clients = [0, 1, 2].map(() => createEventClient());
      await Promise.all(
        clients.map(async (client, no) => {
          await client.connect(one.url);
          for (let cut = 0; cut < 12; cut += 1) {
            const before = client.changes.length;
            // Some are cut in the middle of what is being sent, some after they reached the tail.
            await client.until(({ changes }) => changes.length > before + ((cut + no) % 4) * 3);
            await client.cut();
            await client.connect((cut + no) % 2 === 0 ? two.url : one.url);
          }
        }),
      );
      over = true;
      await Promise.all(writing);
      for (const client of clients) {
        const stored = kept(await storedAfter(one.wa, client.ids[0]!.id));
        expect(stored.length).toBeGreaterThan(20);
        await client.until(({ changes }) => changes.length >= stored.length);
        expect(seen(client)).toEqual(stored);
        expect(client.others).not.toContain('missed');
        await client.cut();
      }
      // Wherever in what came a connection is cut, the rest comes, once, from either process.
      for (const { ids, changes } of clients) {
        for (let at = 0; at < ids.length; at += 1 + Math.floor(ids.length / 60)) {
          const rest = changes.slice(ids[at]!.changes);
          if (rest.length === 0) break;
          const again = createEventClient(ids[at]!.id);
          await again.connect(at % 2 === 0 ? one.url : two.url);
          await again.until((client) => client.changes.length >= rest.length);
          expect(again.changes).toEqual(rest);
          await again.cut();
        }
      }
    });

    it('hides the changes of other sessions from a narrowed caller, and its place moves on over them', async () => {
      const one = await replica();
      const narrowed = await replica(['a']);
      const [a, b] = [await attach(one.wa, 'a'), await attach(one.wa, 'b')];
      const client = createEventClient();
      await client.connect(narrowed.url);
      await client.cut();
      await change(one.wa, b, 'lost');
      await change(one.wa, a, 'lost');
      await client.connect(narrowed.url);
      await client.until(({ changes }) => changes.length === 1);
      await change(one.wa, b, 'open');
      await change(one.wa, a, 'open');
      await client.until(({ changes }) => changes.length === 2);
      expect(client.changes.map(({ sessionId, to }) => [sessionId, to])).toEqual([
        ['a', 'RECONNECTING'],
        ['a', 'CONNECTED'],
      ]);
      await client.cut();
    });

    it('says so where a place is not one of this store', async () => {
      const { url } = await replica();
      for (const odd of ['no-such-place', '999999999999', 'x'.repeat(5_000), '~', '0~0-0~']) {
        const response = await fetch(url, { headers: { 'last-event-id': odd } });
        const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
        let text = '';
        while (!text.includes('event: missed')) text += (await reader.read()).value ?? '';
        await reader.cancel();
      }
    });
  });
}
