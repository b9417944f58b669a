// The suite of the memory store under `node --test`, for conformance.realtime.test.ts. With BROKEN, writes that the
// guard refuses are said to have been applied.
import { describe, it } from 'node:test';
import { createMemoryStore } from '@wa-sync/core';
import { createManualClock } from '@wa-sync/testing';
import { describeSessionStore } from '@wa-sync/testing/conformance';

function breakGuard(store) {
  const write = async (params) => {
    const outcomes = await store.sessions.write(params);
    const rows = await store.sessions.get({ ids: params.writes.map(({ id }) => id) });
    return outcomes.map((outcome, index) => (rows[index] ? { applied: true, session: rows[index] } : outcome));
  };
  return { ...store, sessions: { ...store.sessions, write } };
}

describeSessionStore({
  name: 'memory',
  runner: { describe, it },
  capabilities: { durable: false, shared: false, mirror: false },
  async create() {
    const clock = createManualClock();
    const store = createMemoryStore({ clock });
    await store.init();
    return { store: process.env.BROKEN ? breakGuard(store) : store, advance: clock.advance, close: store.close };
  },
});
