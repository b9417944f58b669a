import { silentLogger, systemClock, WaSyncError } from '@wa-sync/core';
import { createMemoryAuthState } from '@wa-sync/fake-whatsapp';
import { createManualClock } from '@wa-sync/testing';
import { initAuthCreds, type SignalKeyStore } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { type AuthOwner, GuardedAuth } from '../src/auth/guard-auth.js';
import { createLoginSlots } from '../src/session/login-slots.js';

function guarded(options: { saveCreds?: () => Promise<void>; timeoutMs?: number; mayWrite?: () => boolean } = {}) {
  const state = createMemoryAuthState(initAuthCreds());
  const owner = {
    sessionId: 'a',
    clock: systemClock,
    logger: silentLogger,
    authTimeoutMs: options.timeoutMs ?? 1_000,
    mayWrite: options.mayWrite ?? (() => true),
    onFailing() {},
  };
  const auth = new GuardedAuth(owner, { state, saveCreds: options.saveCreds ?? (async () => {}) });
  return { state, auth };
}

const session = (byte: number) => ({ session: { s: Buffer.from([byte]) } });

describe('GuardedAuth', () => {
  it('a late write of an ended socket never lands over those of its successor', async () => {
    const { state, auth } = guarded();
    const first = auth.forNextSocket();
    await first.keys.set(session(1));
    const second = auth.forNextSocket();
    await second.keys.set(session(2));
    await first.keys.set(session(1));
    expect(await state.keys.get('session', ['s'])).toEqual({ s: Buffer.from([2]) });
  });

  it('drops what a socket begins to write after its end', async () => {
    const { state, auth } = guarded();
    const { keys } = auth.forNextSocket();
    auth.revoke();
    await keys.set(session(1));
    expect(await state.keys.get('session', ['s'])).toEqual({});
  });

  it('writes nothing once the claim is lost or the session is closed', async () => {
    let ours = true;
    let saves = 0;
    const { state, auth } = guarded({
      mayWrite: () => ours,
      saveCreds: async () => {
        saves += 1;
      },
    });
    const { keys } = auth.forNextSocket();
    ours = false;
    await keys.set(session(1));
    auth.saveSoon();
    await auth.flush();
    ours = true;
    auth.retire();
    await keys.set(session(1));
    auth.saveSoon();
    await auth.flush();
    expect(await state.keys.get('session', ['s'])).toEqual({});
    expect(saves).toBe(0);
  });

  it('saves creds one after the other, and what changed meanwhile once more', async () => {
    const running: (() => void)[] = [];
    const { auth } = guarded({ saveCreds: () => new Promise((resolve) => running.push(resolve)) });
    for (let n = 0; n < 50; n++) auth.saveSoon();
    await systemClock.yield();
    expect(running).toHaveLength(1);
    const flushed = auth.flush();
    running[0]?.();
    await systemClock.yield();
    if (running.length === 2) running[1]?.();
    await flushed;
    expect(running.length).toBeLessThanOrEqual(2);
  });

  it('a flush says when creds could not be stored, and the next one tries again', async () => {
    let fails = true;
    let saved = 0;
    const { auth } = guarded({
      saveCreds: async () => {
        if (fails) throw new WaSyncError('store_unreachable', 'no database', { retryable: true });
        saved += 1;
      },
    });
    auth.saveSoon();
    await expect(auth.flush()).rejects.toMatchObject({ code: 'store_unreachable' });
    fails = false;
    await auth.flush();
    expect(saved).toBe(1);
    auth.retire();
  });

  it('every call to the store has an end', async () => {
    const { auth, state } = guarded({ timeoutMs: 30, saveCreds: () => new Promise(() => {}) });
    state.keys.get = () => new Promise(() => {});
    state.keys.set = () => new Promise(() => {});
    const { keys } = auth.forNextSocket();
    await expect(keys.get('session', ['s'])).rejects.toMatchObject({ code: 'store_timeout' });
    await expect(keys.set(session(1))).rejects.toMatchObject({ code: 'store_timeout' });
    auth.saveSoon();
    await expect(auth.flush()).rejects.toMatchObject({ code: 'store_timeout' });
    auth.retire();
  });
});

describe('createLoginSlots', () => {
  it('lets so many in, first come first served, and forgets who gave up', async () => {
    const slots = createLoginSlots({ max: 2, perSecond: null, clock: systemClock });
    const never = new AbortController().signal;
    const giveUp = new AbortController();
    const [one, two] = await Promise.all([slots.take(never), slots.take(never)]);
    const order: string[] = [];
    const third = slots.take(giveUp.signal).then((place) => void order.push(place === null ? 'gave up' : 'third'));
    const fourth = slots.take(never).then((place) => {
      order.push('fourth');
      return place;
    });
    expect(slots.waiting()).toBe(2);
    giveUp.abort();
    await third;
    one?.();
    one?.();
    const place = await fourth;
    expect(order).toEqual(['gave up', 'fourth']);
    expect(slots.taken()).toBe(2);
    two?.();
    place?.();
    expect(slots.taken()).toBe(0);
    expect(await slots.take(AbortSignal.abort())).toBeNull();
  });

  it('lets no more begin in a second than it may, and keeps no place for who gave up', async () => {
    const clock = createManualClock();
    const slots = createLoginSlots({ max: 3, perSecond: 0.5, clock });
    const giveUp = new AbortController();
    const begunAtMs: number[] = [];
    const login = async (signal: AbortSignal) => {
      const free = await slots.take(signal);
      if (free === null) return;
      begunAtMs.push(clock.monotonicMs());
      await new Promise<void>((resolve) => void clock.schedule(resolve, 100));
      free();
    };
    const never = new AbortController().signal;
    const logins = [never, never, giveUp.signal, never, never].map(login);
    await clock.advance(3_000);
    giveUp.abort();
    await clock.advance(60_000);
    await Promise.all(logins);
    expect(begunAtMs).toEqual([0, 2_000, 6_000, 8_000]);
    expect(slots.taken()).toBe(0);
  });
});

describe('a store of credentials that failed an account without traffic', () => {
  it('is asked again until it answers', { timeout: 30_000 }, async () => {
    const state = createMemoryAuthState(initAuthCreds());
    let failures = 2;
    const said: boolean[] = [];
    let answered = () => {};
    const back = new Promise<void>((resolve) => {
      answered = resolve;
    });
    const keys: SignalKeyStore = {
      ...state.keys,
      get: async (type, ids) => {
        failures -= 1;
        if (failures >= 0) throw new Error('too slow');
        return state.keys.get(type, ids);
      },
    };
    const owner: AuthOwner = {
      sessionId: 'a',
      // Five seconds are not the point.
      clock: { ...systemClock, schedule: (run, delayMs) => systemClock.schedule(run, delayMs / 50) },
      logger: silentLogger,
      authTimeoutMs: 100_000,
      mayWrite: () => true,
      onFailing() {
        said.push(auth.failing());
        if (!auth.failing()) answered();
      },
    };
    const auth: GuardedAuth = new GuardedAuth(owner, { state: { ...state, keys }, saveCreds: async () => {} });
    await expect(auth.forNextSocket().keys.get('session', ['b'])).rejects.toThrow('too slow');
    expect(auth.failing()).toBe(true);
    await back;
    expect(said).toEqual([true, false]);
    auth.retire();
  });
});
