import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeWhatsApp, startFakeWhatsApp } from '../src/index.js';
import { type Client, connect } from './client.js';

const PHONE = '4915112345678';

describe('faults planned ahead', () => {
  let wa: FakeWhatsApp;
  let clients: Client[];
  const connectAgain = (config = {}) => {
    const client = connect(wa, { creds: creds!, ...config });
    clients.push(client);
    return client;
  };
  let creds: ReturnType<FakeWhatsApp['createCredentials']>;
  beforeEach(async () => {
    wa = await startFakeWhatsApp({ preKeys: 'plenty' });
    creds = wa.createCredentials({ phone: PHONE });
    clients = [];
  });
  afterEach(async () => {
    for (const { sock } of clients) sock.ws.removeAllListeners('close');
    await wa.close();
  });

  it.each([400, 401, 402, 403, 405, 406, 409, 411, 500, 503])('failure %d', async (reason) => {
    wa.session(PHONE).failNextLogin(reason, { attrs: { expire: '3600' } });
    expect(await connectAgain().closed()).toMatchObject({
      statusCode: reason,
      message: 'Connection Failure',
      data: { reason: String(reason), expire: '3600' },
    });
    const session = wa.session(PHONE);
    expect(session.history.map(({ event }) => event)).toContain('login-refused');
    await connectAgain().open();
    expect(session.logins).toBe(1);
  });

  it('fails as many logins as planned', async () => {
    wa.planNextConnection({ failure: { reason: 503 } }, { times: 2 });
    expect(await connectAgain().closed()).toMatchObject({ statusCode: 503 });
    expect(await connectAgain().closed()).toMatchObject({ statusCode: 503 });
    await connectAgain().open();
  });

  it.each([403, 503])('refuses the HTTP upgrade with %d', async (status) => {
    wa.planNextConnection({ refuseUpgrade: status });
    const client = connectAgain();
    const response = await new Promise<{ statusCode: number; headers: Record<string, string> }>((resolve) => {
      client.sock.ws.on('unexpected-response', (_request, answer) => resolve(answer));
    });
    expect(response).toMatchObject({ statusCode: status, headers: { connection: 'close' } });
    expect(wa.refused).toBe(1);
    await connectAgain().open();
  });

  it('accepts TCP and says nothing: Baileys gives up after its connect timeout', async () => {
    wa.planNextConnection({ silentAfter: 'tcp' });
    expect(await connectAgain({ connectTimeoutMs: 200 }).closed()).toMatchObject({ statusCode: 408 });
    expect(wa.connections()).toEqual([]);
  });

  it.each(['tcp', 'upgrade', 'handshake', 'success'] as const)('resets TCP after %s', async (resetAfter) => {
    wa.planNextConnection({ resetAfter });
    const { statusCode } = await connectAgain().closed();
    // The reset may overtake the answer to the upgrade: Baileys then sees a connection that never opened.
    expect(statusCode).toBeOneOf({ tcp: [408], upgrade: [408, 428], handshake: [428], success: [428] }[resetAfter]);
    expect(wa.session(PHONE)).toMatchObject({ connected: false, logins: resetAfter === 'success' ? 1 : 0 });
    await connectAgain().open();
  });

  it('answers the upgrade and says nothing', async () => {
    wa.planNextConnection({ silentAfter: 'upgrade' });
    connectAgain({ connectTimeoutMs: 300 });
    const connection = await wa.waitForConnection(({ state }) => state === 'silent');
    expect(connection.jid).toBeUndefined();
    const gaveUp = clients[0]!.lines;
    await expect.poll(() => gaveUp.some(({ message }) => message === 'error in validating connection')).toBe(true);
  });

  it('answers the handshake and then neither lets in nor refuses', async () => {
    wa.session(PHONE).planNextLogin({ silentAfter: 'handshake' });
    const client = connectAgain();
    const session = await wa.session(PHONE).waitForState('silent');
    expect(session).toMatchObject({ connected: false, logins: 0 });
    await expect(client.ping(100)).rejects.toMatchObject({ output: { statusCode: 408 } });
    expect(client.updates).toHaveLength(1);
  });

  it('answers the WebSocket close in its silence where asked to', async () => {
    wa.planNextConnection({ silentAfter: 'success', answerClose: true });
    const client = connectAgain();
    await wa.session(PHONE).waitForState('silent');
    await client.sock.end(undefined);
    await wa.session(PHONE).waitForState('offline');
  });

  it('lets in and then says nothing: the login counts, the session does not', async () => {
    wa.planNextConnection({ silentAfter: 'success' });
    const client = connectAgain({ defaultQueryTimeoutMs: 150 });
    const session = await wa.session(PHONE).waitForState('silent');
    expect(session).toMatchObject({ connected: false, logins: 1 });
    await client.open();
    expect(wa.connected()).toEqual([]);
  });

  it('answers pings but no iq, from the login on', async () => {
    wa.session(PHONE).planNextLogin({ unansweredIqs: 'all-but-pings' });
    const client = connectAgain();
    await wa.session(PHONE).waitForLogin();
    expect(await client.ping()).toBeDefined();
    await client.ping();
    expect(client.updates.some(({ connection }) => connection === 'open')).toBe(false);
    expect(wa.session(PHONE).connected).toBe(true);
  });

  it('answers slowly from the start', async () => {
    wa.planNextConnection({ replyDelayMs: 40 });
    const started = performance.now();
    await connectAgain().open();
    expect(performance.now() - started).toBeGreaterThan(150);
  });

  it('refuses TCP and accepts again on the same port', async () => {
    const kept = connectAgain();
    await kept.open();
    const { port } = wa;
    await wa.stopListening();
    expect(await connectAgain().closed()).toMatchObject({ statusCode: 408 });
    expect(await kept.ping()).toBeDefined();
    await wa.startListening();
    expect(wa.port).toBe(port);
    await connectAgain().open();
  });

  it('takes standing faults from its options', async () => {
    const broken = await startFakeWhatsApp({ plan: { failure: { reason: 405 } } });
    const refusedCreds = broken.createCredentials({ phone: PHONE });
    expect(await connect(broken, { creds: refusedCreds }).closed()).toMatchObject({ statusCode: 405 });
    expect(await connect(broken, { creds: refusedCreds }).closed()).toMatchObject({ statusCode: 405 });
    await broken.close();
  });
});
