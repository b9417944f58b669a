import { createMemoryStore, createWaSync, systemClock, type WaSync } from '@wa-sync/core';
import { createScriptedConnection, type ScriptedConnection } from '@wa-sync/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttpHandler, toNodeHandler } from '../src/index.js';
import * as wire from '../src/reply/wire-schemas.js';
import { type Listening, listen } from './listen.js';

describe('a request about a session that another replica holds', () => {
  const store = createMemoryStore();
  const replicas: WaSync[] = [];
  let connection: ScriptedConnection;
  let server: Listening;

  beforeAll(async () => {
    for (let at = 0; at < 2; at += 1) {
      const jobs = { sync: false, cleanup: false, inactivity: false } as const;
      const wa = createWaSync({ store, jobs, probe: { timeoutMs: 100, silenceMs: 60_000 } });
      await wa.start();
      replicas.push(wa);
    }
    const [owner, asked] = replicas as [WaSync, WaSync];
    await owner.sessions.create({ id: 'far' });
    connection = createScriptedConnection({ sessionId: 'far', clock: systemClock });
    await owner.attach(connection).ready;
    await owner.syncNow('far');
    server = await listen(toNodeHandler(createHttpHandler(asked, { auth: 'none', currentSession: () => 'far' })));
  });
  afterAll(async () => {
    await server?.close();
    for (const wa of replicas) await wa.stop();
  });

  it('is answered by that replica', async () => {
    const status = async () => {
      const response = await fetch(`${server.origin}/whatsapp/status`);
      return response.status === 200 ? wire.statusAnswer.parse(await response.json()).connected : response.status;
    };
    expect(await status()).toBe(true);
    // The row says CONNECTED still: only who asks the connection can know better.
    connection.script.unknown('busy');
    expect(await status()).toBe(503);
    connection.script.close('lost');
    expect(await status()).toBe(false);
    const response = await fetch(`${server.origin}/whatsapp/sync-status`, { method: 'POST' });
    const { report } = wire.syncAnswer.parse(await response.json());
    expect(report.sessions).toMatchObject([{ id: 'far', actual: 'RECONNECTING' }]);
  });
});
