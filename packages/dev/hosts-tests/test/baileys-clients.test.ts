import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FakeWhatsApp, startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { BufferJSON } from '@whiskeysockets/baileys';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHostApp, type HostApp, type Running } from '../create-host-app.js';
import { matrix } from '../matrix.js';

const PHONE = '5511911110001';

interface Client {
  readonly name: string;
  readonly version: string;
  /** What a host without a git server overrides: older clients take these from git. */
  readonly overrides: Readonly<Record<string, string>>;
}

const libsignal = { libsignal: '6.0.0' };
const CLIENTS = matrix<Client>(
  [
    { name: '@whiskeysockets/baileys', version: '6.7.24', overrides: libsignal },
    { name: 'baileys', version: '7.0.0-rc14', overrides: {} },
  ],
  [
    { name: 'whaileys', version: '6.4.9', overrides: libsignal },
    { name: '@whiskeysockets/baileys', version: '7.0.0-rc.9', overrides: libsignal },
    { name: '@whiskeysockets/baileys', version: '7.0.0-rc13', overrides: {} },
    {
      name: '@whiskeysockets/baileys',
      version: '6.17.16',
      overrides: { ...libsignal, '@whiskeysockets/eslint-config': 'npm:is-number@7.0.0' },
    },
  ],
);

describe.each(CLIENTS)('a host with $name $version', ({ name, version, overrides }) => {
  let app: HostApp;
  let server: FakeWhatsApp;

  beforeAll(async () => {
    server = await startFakeWhatsApp({ preKeys: 'plenty' });
    app = await createHostApp({
      name: 'client',
      type: 'module',
      packages: ['@wa-sync/baileys', '@wa-sync/core'],
      dependencies: { [name]: version },
      overrides,
      files: { 'app.mjs': await readFile(join(import.meta.dirname, '../client-app.mjs'), 'utf8') },
    });
  });
  afterAll(async () => {
    await app?.remove();
    await server?.close();
  });

  function start(mode: 'attach' | 'provider'): Running {
    const creds =
      mode === 'attach' ? JSON.stringify(server.createCredentials({ phone: PHONE }), BufferJSON.replacer) : '';
    const { waWebSocketUrl: url } = server.socketConfig();
    // Where the name is none of the two usual ones, the host gives it.
    const given = name.endsWith('/baileys') || name === 'baileys' ? '' : 'yes';
    const env = {
      CLIENT: name,
      GIVEN: given,
      MODE: mode,
      CREDS: creds,
      SERVER: JSON.stringify({ url, trust: server.trust }),
    };
    return app.start(process.execPath, ['app.mjs'], { env });
  }

  it('installs without a peer warning, and gets no second Baileys', async () => {
    expect(app.peerWarnings).toEqual([]);
    const lock: { packages: Record<string, { name?: string }> } = JSON.parse(
      await readFile(join(app.folder, 'package-lock.json'), 'utf8'),
    );
    const clients = Object.keys(lock.packages).filter(
      (path) => /\/(baileys|whaileys)$/.test(path) && !path.endsWith('@wa-sync/baileys'),
    );
    expect(clients).toEqual([`node_modules/${name}`]);
  });

  it('attach: shows a silent drop, a frame that no key decrypts and a logout, and is back after the first two', async () => {
    const host = start('attach');
    await host.waitFor(/row \["CONNECTED"/);
    server.session(PHONE).goSilent();
    await host.waitFor(/row \["RECONNECTING","silent"\]\s+row \["CONNECTED"/);
    server.session(PHONE).sendGarbage();
    await host.waitFor(/row \["RECONNECTING","stream_broken"\]\s+row \["CONNECTED"/);
    server.session(PHONE).logOut();
    await host.waitFor(/row \["LOGGED_OUT","logged_out"\]/);
    expect(await host.stop()).toMatchObject({ code: 0, signal: null });
  });

  it('provider: pairs by QR code, heals a silent drop and a frame that no key decrypts, knows a logout', async () => {
    const host = start('provider');
    const [, qr] = await host.waitFor(/^qr "(.+)"$/m);
    await server.pair(qr ?? '', { phone: PHONE });
    await host.waitFor(/row \["CONNECTED"/);
    server.session(PHONE).goSilent();
    await host.waitFor(/row \["RECONNECTING","silent"\][\s\S]*row \["CONNECTED"/);
    server.session(PHONE).sendGarbage();
    await host.waitFor(/row \["RECONNECTING","stream_broken"\][\s\S]*row \["CONNECTED"/);
    server.session(PHONE).logOut();
    await host.waitFor(/row \["LOGGED_OUT","logged_out"\]/);
    expect(await host.stop()).toMatchObject({ code: 0, signal: null });
  });
});

describe('a host without Baileys', () => {
  it('is shown in one line what to run', async () => {
    const app = await createHostApp({ name: 'none', type: 'module', packages: ['@wa-sync/baileys', '@wa-sync/core'] });
    try {
      await app.write({
        'app.mjs': `import { createMemoryStore } from '@wa-sync/core';
import { createBaileysAuthState } from '@wa-sync/baileys';
createBaileysAuthState({ store: createMemoryStore().auth, sessionId: 'a' }).catch((error) => console.log(error.code, error.message));`,
      });
      const { output } = await app.run(process.execPath, ['app.mjs']);
      expect(output).toMatch(
        /^baileys_unavailable No Baileys is installed: run npm install baileys@7\.0\.0-rc14 \(or @whiskeysockets\/baileys@7\.0\.0-rc14\)\. Give a fork as baileys: \(\) => import\('its-name'\)\n$/,
      );
    } finally {
      await app.remove();
    }
  });
});
