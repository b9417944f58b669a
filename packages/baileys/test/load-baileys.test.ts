import { readdir, readFile } from 'node:fs/promises';
import { createMemoryStore, systemClock, WaSyncError } from '@wa-sync/core';
import * as baileys from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import type { BaileysOption } from '../src/client/baileys-module.js';
import { createBaileysLoader } from '../src/client/load-baileys.js';
import { baileysProvider, createBaileysAuthState, importMultiFileAuth, multiFileAuth } from '../src/index.js';
import { startProvider, startServer, untilStatus } from './kit.js';

const { makeWASocket, ...withoutSocket } = baileys;
const { default: _, ...named } = baileys;
const { makeWASocket: __, ...socketless } = named;
/** As a host's JavaScript would give it. */
const given = (value: unknown) => value as BaileysOption;
const loader = (value: unknown) => createBaileysLoader({ baileys: given(value), clock: systemClock });

describe('the option baileys', () => {
  it.each([
    ['the module', baileys],
    ['a function that returns a promise of it', async () => baileys],
    ['a function that returns it', () => baileys],
    ['an ES module under require', () => ({ __esModule: true, default: makeWASocket, ...named })],
    ['CommonJS under import(), all of it below default', async () => ({ default: named })],
    [
      'CommonJS under import(), its socket the default of the default',
      async () => ({ default: { ...withoutSocket, default: makeWASocket } }),
    ],
    ['CommonJS under import(), some of it named', async () => ({ initAuthCreds: named.initAuthCreds, default: named })],
    ['a module whose socket is its default export only', { ...withoutSocket, default: makeWASocket }],
    ['a module that is a function', Object.assign((config: object) => makeWASocket(config as never), withoutSocket)],
  ])('takes %s', async (_what, value) => {
    const found = await loader(value).need(['makeWASocket', 'initAuthCreds', 'BufferJSON', 'useMultiFileAuthState']);
    expect(found.initAuthCreds).toBe(baileys.initAuthCreds);
    expect(found.BufferJSON).toBe(baileys.BufferJSON);
    expect(typeof found.makeWASocket).toBe('function');
    expect(found.useMultiFileAuthState).toBe(baileys.useMultiFileAuthState);
  });

  it('reads app state keys with create where a fork has no fromObject', async () => {
    const { AppStateSyncKeyData } = baileys.proto.Message;
    const fork = { ...named, proto: { Message: { AppStateSyncKeyData: { create: AppStateSyncKeyData.create } } } };
    const { readAppStateKey } = await loader(() => fork).need(['readAppStateKey']);
    expect(readAppStateKey({ timestamp: 5 })).toBeInstanceOf(AppStateSyncKeyData);
  });

  it('is called when Baileys is first needed, and once for all who need it', async () => {
    let calls = 0;
    const one = loader(async () => {
      calls += 1;
      return baileys;
    });
    expect(calls).toBe(0);
    await Promise.all([one.need(['makeWASocket']), one.need(['BufferJSON'])]);
    await one.need(['initAuthCreds']);
    expect(calls).toBe(1);
  });

  it('is called again after it failed, and the failure says why', async () => {
    let calls = 0;
    const one = loader(() => {
      calls += 1;
      if (calls < 3) throw new Error(`disk ${calls}`);
      return baileys;
    });
    for (const at of [1, 2]) {
      const failed = one.need(['makeWASocket']);
      await expect(failed).rejects.toMatchObject({ code: 'baileys_unavailable', retryable: true });
      await expect(failed).rejects.toThrow(`The function in option baileys failed: disk ${at}`);
      await expect(failed).rejects.toMatchObject({ cause: new Error(`disk ${at}`) });
    }
    await expect(one.need(['makeWASocket'])).resolves.toEqual({ makeWASocket });
    expect(calls).toBe(3);
  });

  it('that lacks what is called fails with one line that names it', async () => {
    const one = loader(() => socketless);
    await expect(one.need(['BufferJSON'])).resolves.toEqual({ BufferJSON: baileys.BufferJSON });
    const lacking = one.need(['makeWASocket', 'initAuthCreds']);
    await expect(lacking).rejects.toThrow(
      /^What the function in option baileys returned lacks makeWASocket\. Give the whole module .*import\('baileys'\)$/,
    );
    await expect(lacking).rejects.toMatchObject({ code: 'baileys_unavailable', retryable: false });
    const noKeys = loader(() => ({ ...named, proto: {} })).need(['readAppStateKey']);
    await expect(noKeys).rejects.toThrow('lacks proto.Message.AppStateSyncKeyData.fromObject.');
    for (const nothing of [undefined, null, 'baileys', 7, {}, Promise.resolve({})]) {
      await expect(loader(() => nothing).need(['makeWASocket'])).rejects.toThrow('lacks makeWASocket.');
    }
  });

  it('of any other kind is refused when the options are checked', async () => {
    const { auth } = createMemoryStore();
    const store = auth!;
    for (const value of ['baileys', 7, null, {}, { default: {} }, Promise.resolve(baileys), [baileys]]) {
      const line = /Option baileys takes a function that returns Baileys or a fork/;
      expect(() => baileysProvider({ auth: store, baileys: given(value) })).toThrow(line);
      expect(() => multiFileAuth({ folder: 'x', baileys: given(value) })).toThrow(line);
      const options = { store, sessionId: 'a', baileys: given(value) };
      await expect(createBaileysAuthState(options)).rejects.toThrow(line);
      await expect(importMultiFileAuth({ ...options, folder: 'x' })).rejects.toThrow(line);
    }
  });
});

describe('a session whose Baileys cannot be loaded', () => {
  it('shows why while it tries again, and opens once the function succeeds', async () => {
    const server = await startServer();
    let ready = false;
    let calls = 0;
    const lines: Readonly<Record<string, unknown>>[] = [];
    const logger = {
      debug() {},
      info() {},
      warn() {},
      error: (fields: (typeof lines)[number]) => void lines.push(fields),
    };
    const host = await startProvider(server, {
      baileys: async () => {
        calls += 1;
        if (!ready) throw new Error('the disk is away');
        return baileys;
      },
    });
    host.provider.useLogger?.({ logger });
    const connection = host.open(await host.addSession('a', '5511911110001'));
    const seen = await untilStatus(connection, 'CONNECTING', { reason: 'baileys_unavailable' });
    expect(seen.reason?.detail).toBe('The function in option baileys failed: the disk is away');
    expect(lines[0]).toMatchObject({ code: 'open_failed', sessionId: 'a' });
    ready = true;
    await untilStatus(connection, 'CONNECTED');
    const callsAtOpen = calls;
    server.session('5511911110001').fin();
    await untilStatus(connection, 'RECONNECTING');
    await untilStatus(connection, 'CONNECTED');
    expect(calls).toBe(callsAtOpen);
  });

  it('is an ERROR that waits for a person where what was given is no Baileys', async () => {
    const server = await startServer();
    const host = await startProvider(server, { baileys: given(() => ({ makeWASocket })) });
    const connection = host.open(await host.addSession('a'));
    const { reason } = await untilStatus(connection, 'ERROR', { reason: 'baileys_unavailable' });
    expect(reason?.detail).toContain('lacks initAuthCreds, BufferJSON, proto.Message.AppStateSyncKeyData.fromObject');
    expect(server.connected()).toEqual([]);
  });
});

it('errors of the loader are errors of wa-sync', async () => {
  await expect(loader(() => null).need(['makeWASocket'])).rejects.toBeInstanceOf(WaSyncError);
});

it('what is published names no Baileys in an import, so that its types compile beside any', async () => {
  const source = new URL('../src/', import.meta.url);
  const names = (await readdir(source, { recursive: true })).filter((name) => name.endsWith('.ts'));
  expect(names.length).toBeGreaterThan(40);
  for (const name of names) {
    const code = (await readFile(new URL(name, source), 'utf8')).replaceAll(/\/\*[\s\S]*?\*\/|"[^"\n]*"/g, '');
    expect({ name, found: code.match(/^(?:import|export)\b[^;]*['"][^.'"]*baileys['"]/gm) }).toEqual({
      name,
      found: null,
    });
  }
});
