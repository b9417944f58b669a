import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type FakeWhatsApp, startFakeWhatsApp } from '../src/index.js';
import { connect } from './client.js';
import { connectRaw, type RawClientOptions } from './raw-client.js';

const PHONE = '4915112345678';
const PING = { tag: 'iq', attrs: { id: 'p1', to: '@s.whatsapp.net', type: 'get', xmlns: 'w:p' } };

describe('the dictionary of a connection', () => {
  let wa: FakeWhatsApp;
  const warnings: string[] = [];
  beforeEach(async () => {
    warnings.length = 0;
    wa = await startFakeWhatsApp({ onWarning: (line) => warnings.push(line) });
  });
  afterEach(() => wa.close());

  function connectAs(options: Omit<RawClientOptions, 'creds'>, server = wa) {
    const client = connectRaw(server, { creds: server.createCredentials({ phone: PHONE }), ...options });
    onTestFinished(() => client.close());
    return client;
  }

  it.each([
    { dictionary: 2 },
    { dictionary: 3 },
    { dictionary: 2, routingInfo: Buffer.from('WA\x06\x03 is no header here') },
  ])('is the one that its header names: %o', async (options) => {
    const client = connectAs(options);
    expect((await client.next()).tag).toBe('success');
    expect((await client.next()).tag).toBe('ib');
    client.send(PING);
    expect(await client.next()).toMatchObject({ tag: 'iq', attrs: { id: 'p1', type: 'result' } });
    expect(wa.connected()).toEqual([`${PHONE}:1@s.whatsapp.net`]);
    expect(warnings).toEqual([]);
  });

  it('differs between clients that are connected at the same moment', async () => {
    const old = connectAs({ dictionary: 2 });
    await old.next();
    const baileys = connect(wa, { creds: wa.createCredentials({ phone: '492' }) });
    await baileys.open();
    await old.next();
    old.send(PING);
    expect(await old.next()).toMatchObject({ attrs: { id: 'p1' } });
    await baileys.ping();
    await baileys.sock.end(undefined);
  });

  it('means the same words on both sides', async () => {
    const confused = connectAs({ dictionary: 2, speaks: 3 });
    const first = await confused.next().catch((error: Error) => error);
    expect(first).not.toMatchObject({ tag: 'success' });
  });

  it.each([0, 1, 4, 255])('is refused with a reason where nobody knows it: %d', async (dictionary) => {
    const client = connectAs({ dictionary });
    const reason = `The client speaks token dictionary ${dictionary}; this server knows dictionaries 2 and 3`;
    expect(await client.closed).toEqual({ code: 1008, reason });
    expect(warnings).toEqual([`Connection 1 was refused: ${reason}`]);
    await expect(wa.session(PHONE).waitForLogin({ timeoutMs: 1 })).rejects.toThrow(reason);
    await expect.poll(() => wa.connections()).toEqual([]);
  });

  it('is warned of by the process where nobody else listens', async () => {
    const plain = await startFakeWhatsApp();
    const warned = once(process, 'warning');
    await connectAs({ dictionary: 7 }, plain).closed;
    const [warning] = (await warned) as [Error];
    expect(warning).toMatchObject({ name: 'FakeWhatsAppWarning', message: expect.stringContaining('dictionary 7') });
    await plain.close();
  });
});

describe('the first stanza', () => {
  it('waits for the client to make its keys; the ones after it do not', async () => {
    const wa = await startFakeWhatsApp({ firstStanzaDelayMs: 400 });
    const client = connectRaw(wa, { creds: wa.createCredentials({ phone: PHONE }), dictionary: 3 });
    onTestFinished(() => client.close());
    expect((await client.next()).tag).toBe('success');
    expect(Date.now() - client.finishedAt).toBeGreaterThanOrEqual(395);
    await client.next();
    // The quickest of some: a busy machine may hold one up by as much, the delay would hold up each.
    const tookMs: number[] = [];
    for (let ping = 0; ping < 5; ping += 1) {
      const askedAt = performance.now();
      client.send(PING);
      await client.next();
      tookMs.push(performance.now() - askedAt);
    }
    expect(Math.min(...tookMs)).toBeLessThan(300);
    await wa.close();
  });
});
