import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AuthStore, createMemoryStore } from '@wa-sync/core';
import { initAuthCreds, proto } from '@whiskeysockets/baileys';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createBaileysAuthState, multiFileAuth } from '../src/index.js';

async function storeWithSession() {
  const store = createMemoryStore();
  await store.init();
  onTestFinished(() => store.close());
  await store.leases.join({ incarnation: 'i', replicaId: 'r', ttlMs: 60_000 });
  await store.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
  await store.sessions.claim({ owner: 'i', claims: [{ id: 'a', tenure: 'mine', mode: 'free' }] });
  return store.auth!;
}

/** The store, with one method replaced. */
function withMethod<Name extends keyof AuthStore>(store: AuthStore, name: Name, method: AuthStore[Name]): AuthStore {
  return {
    read: (params) => store.read(params),
    write: (params) => store.write(params),
    quarantine: (params) => store.quarantine(params),
    purge: (params) => store.purge(params),
    [name]: method,
  };
}

describe('createBaileysAuthState', () => {
  it('returns what was stored: bytes, text and the app-state key as a proto message', async () => {
    const store = await storeWithSession();
    const first = await createBaileysAuthState({ store, sessionId: 'a', tenure: 'mine' });
    const keyData = proto.Message.AppStateSyncKeyData.fromObject({ keyData: Buffer.from([1, 2, 3]), timestamp: 5 });
    first.state.creds.me = { id: '5511911110001:3@s.whatsapp.net', name: 'Ana' };
    await first.saveCreds();
    await first.state.keys.set({
      session: { 's.1': Buffer.from([9, 8]), 's.2': Buffer.from([7]) },
      'lid-mapping': { x: 'y' },
      'app-state-sync-key': { k: keyData },
    });
    await first.state.keys.set({ session: { 's.2': null } });
    const again = await createBaileysAuthState({ store, sessionId: 'a' });
    expect(again.state.creds).toEqual(first.state.creds);
    expect(await again.state.keys.get('session', ['s.1', 's.2', 's.3'])).toEqual({ 's.1': Buffer.from([9, 8]) });
    expect(await again.state.keys.get('lid-mapping', ['x'])).toEqual({ x: 'y' });
    const { k } = await again.state.keys.get<proto.Message.IAppStateSyncKeyData>('app-state-sync-key', ['k']);
    expect(k).toBeInstanceOf(proto.Message.AppStateSyncKeyData);
    expect(Buffer.from(k!.keyData!)).toEqual(Buffer.from([1, 2, 3]));
  });

  it('writes one set in one call', async () => {
    const store = await storeWithSession();
    const sizes: number[] = [];
    const counting = withMethod(store, 'write', async (params) => {
      sizes.push(params.entries.length);
      await store.write(params);
    });
    const { state } = await createBaileysAuthState({ store: counting, sessionId: 'a', tenure: 'mine' });
    const preKeys = Object.fromEntries(
      Array.from({ length: 812 }, (_, n) => [String(n), { public: Buffer.alloc(32, 1), private: Buffer.alloc(32, 2) }]),
    );
    await state.keys.set({ 'pre-key': preKeys, session: { s: Buffer.from([1]) } });
    expect(sizes).toEqual([813]);
  });

  it('never lets an older state of the creds land last', async () => {
    const store = await storeWithSession();
    const held: (() => void)[] = [];
    const order: string[] = [];
    const slow = withMethod(store, 'write', async (params) => {
      await new Promise<void>((resolve) => held.push(resolve));
      order.push(JSON.parse(new TextDecoder().decode(params.entries[0]?.value ?? undefined)).advSecretKey);
      await store.write(params);
    });
    const { state, saveCreds } = await createBaileysAuthState({ store: slow, sessionId: 'a', tenure: 'mine' });
    const saves = ['one', 'two', 'three'].map((word) => {
      state.creds.advSecretKey = word;
      return saveCreds();
    });
    for (let n = 0; n < 3; n++) {
      while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(held).toHaveLength(1);
      held.shift()?.();
    }
    await Promise.all(saves);
    expect(order).toEqual(['one', 'two', 'three']);
  });

  it('writes nothing under a lost tenure', async () => {
    const store = await storeWithSession();
    const { state, saveCreds } = await createBaileysAuthState({ store, sessionId: 'a', tenure: 'older' });
    await expect(saveCreds()).rejects.toMatchObject({ code: 'tenure_lost' });
    await expect(state.keys.set({ session: { s: Buffer.from([1]) } })).rejects.toMatchObject({ code: 'tenure_lost' });
  });

  it.each([
    ['half a record', '{"noiseKey":{"private"'],
    ['another JSON', '{"hello":1}'],
    ['null', 'null'],
    ['an empty record', ''],
    ['creds without their identity key', withoutIdentity()],
  ])('refuses %s instead of making a new identity', async (_what, text) => {
    const store = await storeWithSession();
    const value = new TextEncoder().encode(text);
    await store.write({ sessionId: 'a', tenure: null, entries: [{ type: 'creds', id: 'creds', value }] });
    await expect(createBaileysAuthState({ store, sessionId: 'a' })).rejects.toMatchObject({ code: 'auth_corrupt' });
  });

  it('a store that fails or hangs is an error, never a new identity', async () => {
    const store = await storeWithSession();
    const failing = withMethod(store, 'read', async () => {
      throw new Error('no connection');
    });
    await expect(createBaileysAuthState({ store: failing, sessionId: 'a' })).rejects.toThrow('no connection');
    const hanging = withMethod(store, 'read', () => new Promise(() => {}));
    await expect(createBaileysAuthState({ store: hanging, sessionId: 'a', timeoutMs: 30 })).rejects.toMatchObject({
      code: 'store_timeout',
      retryable: true,
    });
  });
});

describe('multiFileAuth', () => {
  async function folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'wa-sync-baileys-'));
    onTestFinished(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  it('keeps each session in a folder of its own, whatever its id', async () => {
    const base = await folder();
    const auth = multiFileAuth({ folder: base });
    for (const sessionId of ['a', '../a', '..', 'a/b', 'ação', 'x'.repeat(255)]) {
      const opened = await auth({ sessionId, tenure: null });
      opened.state.creds.advSecretKey = sessionId;
      await opened.saveCreds();
      expect((await auth({ sessionId, tenure: null })).state.creds.advSecretKey).toBe(sessionId);
    }
    expect(await readdir(base)).toHaveLength(6);
  });

  it('refuses a half-written creds.json and leaves it alone', async () => {
    const base = await folder();
    const auth = multiFileAuth({ folder: () => base });
    const opened = await auth({ sessionId: 'a', tenure: null });
    await opened.saveCreds();
    const whole = await readFile(join(base, 'creds.json'), 'utf8');
    await writeFile(join(base, 'creds.json'), whole.slice(0, 100));
    await expect(auth({ sessionId: 'a', tenure: null })).rejects.toMatchObject({ code: 'auth_corrupt' });
    expect(await readFile(join(base, 'creds.json'), 'utf8')).toBe(whole.slice(0, 100));
  });

  it('F21: at every moment of a hundred writes its creds.json is whole', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wa-sync-whole-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const { state, saveCreds } = await multiFileAuth({ folder })({ sessionId: 'a', tenure: null });
    state.creds.additionalData = { filler: 'x'.repeat(200_000) };
    await saveCreds();
    let over = false;
    const writes = (async () => {
      for (let write = 0; write < 100; write++) await saveCreds();
    })().finally(() => {
      over = true;
    });
    let reads = 0;
    while (!over) {
      // What a process that starts after a kill -9 would find.
      JSON.parse(readFileSync(join(folder, 'a', 'creds.json'), 'utf8'));
      reads += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writes;
    expect(reads).toBeGreaterThan(100);
  });

  it('puts a quarantined session aside whole', async () => {
    const base = await folder();
    const auth = multiFileAuth({ folder: base });
    const opened = await auth({ sessionId: 'a', tenure: null });
    await opened.saveCreds();
    await opened.quarantine?.('logged_out');
    const [name] = await readdir(base);
    expect(name).toMatch(/^a\.quarantine-/);
    expect(await readdir(join(base, name!))).toContain('creds.json');
    const fresh = await auth({ sessionId: 'a', tenure: null });
    expect(fresh.state.creds.advSecretKey).not.toBe(opened.state.creds.advSecretKey);
  });
});

function withoutIdentity(): string {
  const { signedIdentityKey: _, ...rest } = initAuthCreds();
  return JSON.stringify(rest);
}
