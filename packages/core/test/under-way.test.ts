import { createManualClock } from '@wa-sync/testing';
import { describe, expect, it } from 'vitest';
import { limitStore } from '../src/engine/limits/limit-store.js';
import { markUnderWay, whenEnded } from '../src/engine/limits/under-way.js';
import { createMemoryStore, createWaSync, type StoredSession, silentLogger, WaSyncError } from '../src/index.js';

function deferred() {
  let resolve = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Whether it has resolved, seen from now on. */
function watch(ended: Promise<void> | null) {
  const seen = { ended: false };
  void ended?.then(() => {
    seen.ended = true;
  });
  return seen;
}

const late = () => new WaSyncError('store_timeout', 'late');

describe('work that was given up', () => {
  it('is none where an error does not say so', () => {
    for (const error of [late(), new Error('no', { cause: late() }), null, 'no']) expect(whenEnded(error)).toBeNull();
  });

  it('has ended once it settles, however deep the error that says so', async () => {
    const clock = createManualClock();
    for (const how of ['resolve', 'reject'] as const) {
      const work = deferred();
      const cause = markUnderWay(late(), work.promise);
      const error = new WaSyncError('status_unknown', 'no', { cause: new Error('outer', { cause }) });
      const seen = watch(whenEnded(error));
      await clock.settle();
      expect(seen.ended).toBe(false);
      work[how](new Error('no'));
      await clock.settle();
      expect(seen.ended).toBe(true);
    }
  });

  it('goes on where it fails late because it gave up on something itself', async () => {
    const clock = createManualClock();
    const [outer, inner] = [deferred(), deferred()];
    const seen = watch(whenEnded(markUnderWay(late(), outer.promise)));
    outer.reject(markUnderWay(late(), inner.promise));
    await clock.settle();
    expect(seen.ended).toBe(false);
    inner.resolve();
    await clock.settle();
    expect(seen.ended).toBe(true);
  });

  it('is what the engine no longer waits for', async () => {
    const clock = createManualClock();
    const memory = createMemoryStore();
    const hung = deferred();
    const get = async () => {
      await hung.promise;
      return [];
    };
    const store = limitStore({ ...memory, sessions: { ...memory.sessions, get } }, clock, 1_000);
    const answer = store.sessions.get({ ids: ['a'] }).catch((error: unknown) => error);
    await clock.advance(1_000);
    const error = await answer;
    expect(error).toMatchObject({ code: 'store_timeout' });
    const seen = watch(whenEnded(error));
    await clock.settle();
    expect(seen.ended).toBe(false);
    hung.resolve();
    await clock.settle();
    expect(seen.ended).toBe(true);
  });
});

describe('readings of rows', () => {
  function open() {
    const store = createMemoryStore();
    const asked: (readonly string[])[] = [];
    const { get } = store.sessions;
    store.sessions.get = (params) => {
      asked.push(params.ids);
      return get.call(store.sessions, params);
    };
    return { wa: createWaSync({ store, logger: silentLogger }), asked };
  }

  it('of one turn share one statement, each with its own row', async () => {
    const { wa, asked } = open();
    for (const id of ['a', 'b']) await wa.sessions.create({ id });
    asked.length = 0;
    const rows = await Promise.all(['b', 'nobody', 'a', 'b'].map((id) => wa.sessions.get(id)));
    expect(rows.map((row: StoredSession | null) => row?.id ?? null)).toEqual(['b', null, 'a', 'b']);
    expect(asked).toEqual([['b', 'nobody', 'a']]);
    await Promise.all(Array.from({ length: 1_001 }, (_, at) => wa.sessions.get(`s${at}`)));
    expect(asked.slice(1).map((ids) => ids.length)).toEqual([1_000, 1]);
  });

  it('for a status go through the limit of the caller, whose refusal stays what it is', async () => {
    const { wa, asked } = open();
    await wa.sessions.create({ id: 'a' });
    asked.length = 0;
    let passed = 0;
    const status = await wa.status('a', {
      limit: (read) => {
        passed += 1;
        return read();
      },
    });
    expect([status.connected, passed, asked]).toEqual([false, 1, [['a']]]);
    const full = new Error('full');
    const refused = wa.status('a', { limit: () => Promise.reject(full) });
    await expect(refused).rejects.toBe(full);
    expect(asked).toHaveLength(1);
  });
});
