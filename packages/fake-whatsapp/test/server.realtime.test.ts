import { spawn } from 'node:child_process';
import { connect as connectTcp } from 'node:net';
import { fileURLToPath } from 'node:url';
import * as baileys from '@whiskeysockets/baileys';
import { BufferJSON, WA_CERT_DETAILS } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { createMemoryAuthState, generateRootKey, startFakeWhatsApp, trustFakeWhatsApp } from '../src/index.js';
import { connect } from './client.js';

const PHONE = '4915112345678';
const WHATSAPP_ROOT = '142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b';

function rootInUse(): string {
  return Buffer.from(WA_CERT_DETAILS.PUBLIC_KEY).toString('hex');
}

/** Runs a script of this folder in a process of its own and resolves once it has ended by itself. */
async function run(script: string, env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', '--conditions', '@wa-sync/source', path], {
    env: { ...process.env, ...env },
    timeout: 60_000,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { code, output };
}

describe('the server', () => {
  it('puts its root into Baileys and takes it out again', async () => {
    expect(rootInUse()).toBe(WHATSAPP_ROOT);
    const wa = await startFakeWhatsApp();
    expect(Buffer.from(wa.trust.publicKey, 'base64').toString('hex')).toBe(rootInUse());
    const other = await startFakeWhatsApp();
    await wa.close();
    expect(rootInUse()).not.toBe(WHATSAPP_ROOT);
    await other.close();
    expect(rootInUse()).toBe(WHATSAPP_ROOT);
  });

  it('leaves Baileys alone where asked to, or where it has a copy of its own', async () => {
    const copy = { ...baileys, WA_CERT_DETAILS: { SERIAL: 7, PUBLIC_KEY: Buffer.alloc(32) } };
    const wa = await startFakeWhatsApp({ baileys: copy });
    const plain = await startFakeWhatsApp({ installCertificate: false });
    expect(rootInUse()).toBe(WHATSAPP_ROOT);
    expect(copy.WA_CERT_DETAILS).toEqual({ SERIAL: 0, PUBLIC_KEY: Buffer.from(wa.trust.publicKey, 'base64') });
    await Promise.all([wa.close(), plain.close()]);
    expect(copy.WA_CERT_DETAILS.SERIAL).toBe(7);
  });

  it('says so where two roots meet in one process', async () => {
    const wa = await startFakeWhatsApp();
    await expect(trustFakeWhatsApp({ publicKey: generateRootKey().publicKey, serial: 0 })).rejects.toThrow('`rootKey`');
    await expect(startFakeWhatsApp({ rootKey: generateRootKey() })).rejects.toThrow('`rootKey`');
    await wa.close();
    expect(rootInUse()).toBe(WHATSAPP_ROOT);
  });

  it('runs twice in one process', async () => {
    const servers = await Promise.all([startFakeWhatsApp(), startFakeWhatsApp()]);
    const clients = servers.map((wa) => connect(wa, { creds: wa.createCredentials({ phone: PHONE }) }));
    await Promise.all(clients.map((client) => client.open()));
    for (const wa of servers) expect(wa.connected()).toHaveLength(1);
    await Promise.all(clients.map(({ sock }) => sock.end(undefined)));
    await Promise.all(servers.map((wa) => wa.close()));
  });

  it('serves a Baileys in another process', { timeout: 60_000 }, async () => {
    const wa = await startFakeWhatsApp();
    const creds = wa.createCredentials({ phone: PHONE });
    const message = JSON.stringify({ trust: wa.trust, url: wa.url, creds }, BufferJSON.replacer);
    expect(await run('./trusting-client.ts', { FAKE_WHATSAPP: message })).toEqual({ code: 0, output: 'open\n' });
    expect(wa.session(PHONE).logins).toBe(1);
    await wa.close();
  });

  it('leaves nothing open behind that would keep a process alive, whatever state its connections are in', {
    timeout: 60_000,
  }, async () => {
    expect(await run('./closing-server.ts', {})).toEqual({ code: 0, output: '428 428 428\n' });
  });

  it('has seen all its connections closed when close() resolves', async () => {
    const wa = await startFakeWhatsApp();
    const client = connect(wa, { creds: wa.createCredentials({ phone: PHONE }) });
    const session = await wa.session(PHONE).waitForLogin();
    await client.sock.end(undefined);
    await wa.close();
    expect(session.state).toBe('offline');
    expect(session.history.at(-1)?.event).toBe('closed');
    expect(wa.connections()).toEqual([]);
  });

  it('survives a client that speaks something else', async () => {
    const wa = await startFakeWhatsApp();
    const socket = connectTcp(wa.port, '127.0.0.1');
    socket.end('hello\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve).resume());
    const client = connect(wa, { creds: wa.createCredentials({ phone: PHONE }) });
    await client.open();
    await client.sock.end(undefined);
    await wa.close();
  });

  it('rejects the waits that are under way when it closes', async () => {
    const wa = await startFakeWhatsApp();
    createMemoryAuthState(wa.createCredentials({ phone: PHONE }));
    const wait = expect(wa.session(PHONE).waitForLogin()).rejects.toThrow('was closed during this wait');
    await wa.close();
    await wait;
  });
});
