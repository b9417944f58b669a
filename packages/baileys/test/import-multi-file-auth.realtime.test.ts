import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryStore } from '@wa-sync/core';
import { proto, type SignalDataSet, useMultiFileAuthState } from '@whiskeysockets/baileys';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createBaileysAuthState, importMultiFileAuth } from '../src/index.js';

const keyData = proto.Message.AppStateSyncKeyData.fromObject({ keyData: Buffer.from([1, 2, 3]), timestamp: 5 });
const pair = { public: Buffer.alloc(32, 1), private: Buffer.alloc(32, 2) };

/** Keys of every kind, with the ids that Baileys gives them. */
const KEYS: Required<Omit<SignalDataSet, 'tctoken'>> & SignalDataSet = {
  'pre-key': Object.fromEntries(Array.from({ length: 100 }, (_, index) => [String(index + 1), pair])),
  session: { '5511911110001.0': Buffer.from([9, 8]), '123456_1.3': Buffer.from([7]) },
  'sender-key': { '5511911110001-1600000000@g.us::5511911110002::3': Buffer.from([6]) },
  'sender-key-memory': { '120363000000000000@g.us': { '5511911110002@s.whatsapp.net': true } },
  'app-state-sync-key': { 'AAAA/C+u=': keyData },
  'app-state-sync-version': { critical_block: { version: 1, hash: Buffer.alloc(128), indexValueMap: {} } },
  'lid-mapping': { '5511911110001': '123456', '123456_reverse': '5511911110001' },
  'device-list': { '5511911110001': ['0', '3'] },
  'identity-key': { '5511911110001.0': Buffer.from([5]) },
  tctoken: { '5511911110001@s.whatsapp.net': { token: Buffer.from([4]), timestamp: '1' } },
};

async function scene() {
  const store = createMemoryStore();
  await store.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
  const folder = await mkdtemp(join(tmpdir(), 'wa-sync-import-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { state, saveCreds } = await useMultiFileAuthState(folder);
  state.creds.me = { id: '5511911110001:3@s.whatsapp.net', name: 'Ana' };
  await saveCreds();
  await state.keys.set(KEYS);
  return { store: store.auth, folder, creds: state.creds };
}

describe('importMultiFileAuth', () => {
  it('takes over the identity and every key under the id that Baileys asks for, and only reads the folder', async () => {
    const { store, folder, creds } = await scene();
    const before = await readdir(folder);
    const count = 1 + Object.values(KEYS).reduce((sum, byId) => sum + Object.keys(byId).length, 0);
    expect(before).toHaveLength(count);
    const imported = await importMultiFileAuth({ store, sessionId: 'a', folder });
    expect(imported).toEqual({ records: count, alreadyThere: false, skipped: [] });
    const { state } = await createBaileysAuthState({ store, sessionId: 'a' });
    expect(state.creds).toEqual(creds);
    for (const [kind, byId] of Object.entries(KEYS)) {
      const found = await state.keys.get(kind as keyof typeof KEYS, Object.keys(byId));
      expect(Object.keys(found).sort()).toEqual(Object.keys(byId).sort());
      for (const [id, value] of Object.entries(found))
        expect([kind, id, toText(value)]).toEqual([kind, id, toText(byId[id])]);
    }
    expect(await readdir(folder)).toEqual(before);
  });

  it('changes nothing where the store has an identity already', async () => {
    const { store, folder } = await scene();
    await importMultiFileAuth({ store, sessionId: 'a', folder });
    const opened = await createBaileysAuthState({ store, sessionId: 'a' });
    opened.state.creds.nextPreKeyId = 4_711;
    await opened.saveCreds();
    expect(await importMultiFileAuth({ store, sessionId: 'a', folder })).toEqual({
      records: 0,
      alreadyThere: true,
      skipped: [],
    });
    expect((await createBaileysAuthState({ store, sessionId: 'a' })).state.creds.nextPreKeyId).toBe(4_711);
  });

  it('reports files that are no records, or half written, and takes the others', async () => {
    const { store, folder } = await scene();
    await writeFile(join(folder, 'notes.txt'), 'mine');
    await writeFile(join(folder, 'session-half.0.json'), '{"type":"Buf');
    const { skipped } = await importMultiFileAuth({ store, sessionId: 'a', folder });
    expect(skipped).toEqual(['notes.txt', 'session-half.0.json']);
  });

  it('refuses a folder that is none, half an identity, and a session without a row; nothing is written then', async () => {
    const { store, folder } = await scene();
    const from = (other: string, sessionId = 'a') => importMultiFileAuth({ store, sessionId, folder: other });
    await expect(from(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'import_invalid' });
    const empty = await mkdtemp(join(tmpdir(), 'wa-sync-import-'));
    onTestFinished(() => rm(empty, { recursive: true, force: true }));
    await expect(from(empty)).rejects.toMatchObject({
      code: 'import_invalid',
      message: expect.stringContaining('creds.json'),
    });
    await expect(from(folder, 'nobody')).rejects.toMatchObject({ code: 'session_not_found' });
    const text = await readFile(join(folder, 'creds.json'), 'utf8');
    await writeFile(join(folder, 'creds.json'), text.slice(0, text.length / 2));
    await expect(from(folder)).rejects.toMatchObject({ code: 'auth_corrupt' });
    expect((await store.read({ sessionId: 'a', type: 'pre-key', ids: ['1'] })).size).toBe(0);
  });
});

/** A proto message and what it was made from are equal as text. */
const toText = (value: unknown) => JSON.stringify(value);
