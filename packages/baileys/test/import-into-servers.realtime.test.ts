import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AuthStore, createWaSync, type WaSyncStore } from '@wa-sync/core';
import type { FakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { createPostgresStore } from '@wa-sync/postgres';
import { createRedisStore } from '@wa-sync/redis';
import { makeWASocket, type SignalDataTypeMap, useMultiFileAuthState } from '@whiskeysockets/baileys';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startPostgres, type TestDatabase } from '../../postgres/test/start-postgres.js';
import { freshPrefix, startRedis } from '../../redis/test/start-redis.js';
import { baileysProvider, createBaileysAuthState, importMultiFileAuth } from '../src/index.js';
import { quietLogger, startServer } from './kit.js';
import { ADA, PHONE, rowBecomes } from './world.js';

type KeyKind = keyof SignalDataTypeMap;
type ServerStore = WaSyncStore & { readonly auth: AuthStore };

/** A store on a real server, and everything that the server keeps of credentials, as text. */
interface Kept {
  open(keyRing: boolean): ServerStore;
  dump(): Promise<string[]>;
}

const KEY_RING = { current: '2026', keys: { 2026: new Uint8Array(randomBytes(32)) } };
const auth = (keyRing: boolean) => (keyRing ? { keyRing: KEY_RING } : {});

let postgres: Awaited<ReturnType<typeof startPostgres>>;
let redis: Awaited<ReturnType<typeof startRedis>>;
let database: TestDatabase;
let prefix: string;
let opened: WaSyncStore[] = [];

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
});
afterAll(() => Promise.all([postgres.stop(), redis.stop()]));
beforeEach(async () => {
  database = await postgres.createDatabase();
  prefix = freshPrefix();
});
afterEach(async () => {
  for (const store of opened) await store.close();
  opened = [];
  await database.drop();
});

function remember<Store extends WaSyncStore>(store: Store): Store {
  opened.push(store);
  return store;
}

const STORES: Record<'Postgres' | 'Redis', () => Kept> = {
  Postgres: () => ({
    open: (keyRing) => remember(createPostgresStore({ pool: database.pool, auth: auth(keyRing) })),
    async dump() {
      const { rows } = await database.pool.query(
        `SELECT concat_ws(' ', session_no, quarantine_no, type, id, key_id, encode(value, 'escape')) AS text
         FROM wa_sync.auth_record ORDER BY 1`,
      );
      return rows.map(({ text }) => text);
    },
  }),
  Redis: () => {
    const client = redis.connect();
    return {
      open: (keyRing) => remember(createRedisStore({ client, prefix, auth: auth(keyRing) })),
      async dump() {
        const texts: string[] = [];
        for (const key of await client.keys(`{${prefix}}:auth:*`)) {
          for (const [name, value] of Object.entries(await client.hgetallBuffer(key))) {
            texts.push(`${key} ${name} ${value.toString('latin1')}`);
          }
        }
        return texts.sort();
      },
    };
  },
};

/** A folder that Baileys itself has filled: linked, 812 prekeys made, and in the middle of a talk with Ada. */
async function liveFolder(server: FakeWhatsApp): Promise<{ folder: string; jid: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'wa-sync-import-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { state, saveCreds } = await useMultiFileAuthState(folder);
  Object.assign(state.creds, server.createCredentials({ phone: PHONE, preKeysUploaded: false }));
  await saveCreds();
  const socket = makeWASocket({ ...server.socketConfig(), auth: state, logger: quietLogger });
  let saving = Promise.resolve();
  socket.ev.on('creds.update', () => {
    saving = saving.then(saveCreds);
  });
  const device = await server.session(PHONE).waitForLogin();
  const ada = server.contact(ADA, 'Ada');
  const { id } = await ada.sendText(PHONE, 'before the import');
  await ada.waitForReceipt(id);
  await socket.sendMessage(ada.jid, { text: 'and an answer' });
  await ada.waitForMessage(({ text }) => text === 'and an answer');
  await socket.end(undefined);
  await saving;
  return { folder, jid: device.jid };
}

/** Every key of the folder under the names that Baileys' own reader gives them. */
function keysOf(names: readonly string[]): Map<KeyKind, string[]> {
  const kinds: KeyKind[] = ['pre-key', 'session', 'sender-key-memory', 'lid-mapping', 'device-list', 'identity-key'];
  const found = new Map<KeyKind, string[]>();
  for (const name of names) {
    if (name === 'creds.json') continue;
    const kind = kinds.find((one) => name.startsWith(`${one}-`));
    if (kind === undefined) throw new Error(`What is ${name}?`);
    found.set(kind, [...(found.get(kind) ?? []), name.slice(kind.length + 1, -'.json'.length)]);
  }
  return found;
}

const cases = (['Postgres', 'Redis'] as const).flatMap((kind) => [
  [kind, 'with a key ring', true] as const,
  [kind, 'without a key ring', false] as const,
]);

describe.each(cases)('a folder of useMultiFileAuthState, imported into %s %s', (kind, _, keyRing) => {
  it('is there key by key, logs in as the same device, and goes on with its talks', async () => {
    const server = await startServer({ preKeys: 'truthful' });
    const { folder, jid } = await liveFolder(server);
    const names = await readdir(folder);
    const kept = STORES[kind]();
    const store = kept.open(keyRing);
    await store.init();
    await store.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
    const imported = await importMultiFileAuth({ store: store.auth, sessionId: 'a', folder });
    expect(imported).toEqual({ records: names.length, alreadyThere: false, skipped: [] });

    const { state: there } = await createBaileysAuthState({ store: kept.open(keyRing).auth, sessionId: 'a' });
    const { state: before } = await useMultiFileAuthState(folder);
    expect(there.creds).toEqual(before.creds);
    const keys = keysOf(names);
    expect(keys.get('pre-key')?.length).toBeGreaterThan(800);
    expect(keys.get('session')?.length).toBeGreaterThan(0);
    for (const [name, ids] of keys) {
      const found = await there.keys.get(name, ids);
      expect(Object.keys(found).sort()).toEqual([...ids].sort());
      expect(found).toEqual(await before.keys.get(name, ids));
    }
    const shown = (await kept.dump()).join('\n');
    expect(shown.includes('noiseKey')).toBe(!keyRing);

    const heard: (string | null | undefined)[] = [];
    const wa = createWaSync({
      store,
      provider: baileysProvider({
        auth: store.auth,
        socketConfig: server.socketConfig(),
        loginJitterMs: 0,
        conversationOf({ message }) {
          heard.push(message.message?.conversation ?? message.message?.extendedTextMessage?.text);
          return null;
        },
      }),
      jobs: { sync: false, cleanup: false, inactivity: false },
    });
    onTestFinished(() => wa.stop());
    await wa.start();
    await rowBecomes(wa, 'CONNECTED');
    expect(server.sessions().map((one) => [one.jid, one.logins, one.connected])).toEqual([[jid, 2, true]]);
    const ada = server.contact(ADA);
    const { id } = await ada.sendText(PHONE, 'after the import');
    await ada.waitForReceipt(id);
    expect(heard).toEqual(['after the import']);
    expect(ada.receipts.filter(({ type }) => type === 'retry')).toEqual([]);
    // Whoever starts it again does not take the login back to what the folder knows.
    expect(await importMultiFileAuth({ store: store.auth, sessionId: 'a', folder })).toMatchObject({
      records: 0,
      alreadyThere: true,
    });
  });

  it('that has half an identity is refused and leaves the store as it was; half a key is reported by its name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wa-sync-import-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const { state, saveCreds } = await useMultiFileAuthState(folder);
    state.creds.me = { id: '5511911110001:3@s.whatsapp.net', name: 'Ana' };
    await saveCreds();
    await state.keys.set({ session: { '5511911110002.0': Buffer.from([1]), '5511911110003.0': Buffer.from([2]) } });
    const kept = STORES[kind]();
    const store = kept.open(keyRing);
    await store.init();
    await store.sessions.create({ sessions: ['a', 'other'].map((id) => ({ id, desired: 'stopped' as const })) });
    const value = new Uint8Array([7]);
    for (const sessionId of ['a', 'other']) {
      await store.auth.write({ sessionId, tenure: null, entries: [{ type: 'session', id: 'left', value }] });
    }
    const before = await kept.dump();
    expect(before).toHaveLength(2);

    const file = join(folder, 'creds.json');
    const whole = await readFile(file, 'utf8');
    const again = () => importMultiFileAuth({ store: store.auth, sessionId: 'a', folder });
    for (const text of [whole.slice(0, whole.length / 2), '', '{}']) {
      await writeFile(file, text);
      await expect(again()).rejects.toMatchObject({ name: 'WaSyncError', code: 'auth_corrupt' });
      expect(await kept.dump()).toEqual(before);
    }
    await writeFile(file, whole);
    await writeFile(join(folder, 'session-5511911110003.0.json'), '{"type":"Buf');
    expect(await again()).toEqual({ records: 2, alreadyThere: false, skipped: ['session-5511911110003.0.json'] });
    const ids = ['left', '5511911110002.0', '5511911110003.0'];
    const found = await store.auth.read({ sessionId: 'a', type: 'session', ids });
    expect([...found.keys()].sort()).toEqual(['5511911110002.0', 'left']);
  });
});
