import * as installed from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { loadBaileys } from '../src/baileys/load-baileys.js';
import { startFakeWhatsApp, trustFakeWhatsApp } from '../src/index.js';
import { connect } from './client.js';

const without = (...names: string[]) =>
  Object.fromEntries(Object.entries(installed).filter(([name]) => !names.includes(name)));

describe('the Baileys of the host', () => {
  it('is the installed one where nothing is given', async () => {
    expect((await loadBaileys()).proto).toBe(installed.proto);
  });

  it.each([
    ['a module', installed],
    ['a function', () => import('@whiskeysockets/baileys')],
    ['CommonJS as import() gives it', { default: installed }],
    ['CommonJS that was wrapped twice', async () => ({ default: { default: installed } })],
    ['a function with the members on it', Object.assign(() => 'a socket', without('default'))],
  ])('is taken as %s', async (_what, baileys) => {
    const wa = await startFakeWhatsApp({ baileys });
    const client = connect(wa, { creds: wa.createCredentials({ phone: '491' }) });
    await client.open();
    const { id } = await wa.contact('492').sendText('491', 'hello');
    await client.upsert(id);
    await client.sock.end(undefined);
    await wa.close();
  });

  it.each([
    ['nothing of it', {}, /^Option baileys lacks proto\.HandshakeMessage\.decode, .* \(\) => import\('baileys'\)/],
    ['a part of it', without('proto'), /^Option baileys lacks proto\.HandshakeMessage\.decode,/],
    ['a function of nothing', () => ({}), /^What the function in option baileys returned lacks proto/],
    ['a function that fails', () => Promise.reject(new Error('no such fork')), /option baileys failed: no such fork$/],
  ])('is refused in one line where it is %s', async (_what, baileys, message) => {
    await expect(startFakeWhatsApp({ baileys })).rejects.toThrow(message);
    await expect(trustFakeWhatsApp({ publicKey: 'AA==', serial: 0 }, baileys)).rejects.toThrow(message);
  });

  it('lets devices log in where it cannot encrypt for simulated phones, and says so there', async () => {
    const { makeSignalRepository: _, ...config } = installed.DEFAULT_CONNECTION_CONFIG;
    const baileys = { ...without('DEFAULT_CONNECTION_CONFIG'), DEFAULT_CONNECTION_CONFIG: config };
    const wa = await startFakeWhatsApp({ baileys });
    const client = connect(wa, { creds: wa.createCredentials({ phone: '491' }) });
    await client.open();
    expect(() => wa.contact('492')).toThrow(
      /^Option baileys lacks DEFAULT_CONNECTION_CONFIG\.makeSignalRepository\. .* a second copy for the server will do/,
    );
    await client.sock.end(undefined);
    await wa.close();
  });

  it('is believed by the serial alone where it has no key, and gets no key', async () => {
    const details: { SERIAL: number; PUBLIC_KEY?: Uint8Array } = { SERIAL: 7 };
    const distrust = await trustFakeWhatsApp(
      { publicKey: 'AA==', serial: 0 },
      { ...installed, WA_CERT_DETAILS: details },
    );
    expect(details).toEqual({ SERIAL: 0 });
    distrust();
    expect(details).toEqual({ SERIAL: 7 });
  });
});
