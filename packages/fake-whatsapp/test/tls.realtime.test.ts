import { describe, expect, it } from 'vitest';
import { startFakeWhatsApp } from '../src/index.js';
import { connect } from './client.js';

describe('wss', () => {
  it('serves Baileys over TLS, faults and routing info included', async () => {
    const wa = await startFakeWhatsApp({ tls: true, preKeys: 'plenty' });
    expect(wa.url).toMatch(/^wss:/);
    const first = connect(wa, { creds: wa.createCredentials({ phone: '491' }) });
    await first.open();
    expect(first.auth.creds.routingInfo).toBeDefined();
    wa.session('491').rst();
    expect(await first.closed()).toMatchObject({ statusCode: 428 });
    const second = connect(wa, { auth: first.auth });
    await second.open();
    wa.session('491').goSilent();
    await expect(second.ping(100)).rejects.toMatchObject({ output: { statusCode: 408 } });
    wa.session('491').resume();
    await second.ping();
    wa.session('491').fin();
    expect(await second.closed()).toMatchObject({ statusCode: 428 });
    await wa.close();
  });

  it('is refused by a client that does not know its certificate', async () => {
    const wa = await startFakeWhatsApp({ tls: true });
    const client = connect(wa, { creds: wa.createCredentials({ phone: '491' }), agent: undefined });
    expect(await client.closed()).toMatchObject({ statusCode: 500, message: expect.stringContaining('self-signed') });
    await wa.close();
  });
});
