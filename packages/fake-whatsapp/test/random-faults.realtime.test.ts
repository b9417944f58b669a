import { describe, expect, it } from 'vitest';
import { createMemoryAuthState, createRandomFaults, type FakeWhatsApp, startFakeWhatsApp } from '../src/index.js';
import { type Client, connect } from './client.js';

/** A host that does nothing but connect again; silence it cannot see, so the test leaves silence out. */
function keepConnected(wa: FakeWhatsApp, phone: string) {
  const auth = createMemoryAuthState(wa.createCredentials({ phone }));
  let client: Client;
  let stopped = false;
  const codes: (number | undefined)[] = [];
  async function cycle() {
    while (!stopped) {
      client = connect(wa, { auth, connectTimeoutMs: 1000 });
      codes.push((await client.closed()).statusCode);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  const done = cycle();
  return {
    codes,
    async stop() {
      stopped = true;
      await client.sock.end(undefined);
      await done;
    },
  };
}

describe('random faults', () => {
  it('are the same for the same seed', async () => {
    const wa = await startFakeWhatsApp();
    const kinds = ['refused-upgrade', 'failure-503', 'silent-login'] as const;
    const draw = (seed: number) => {
      const faults = createRandomFaults(wa, { seed, kinds });
      return Array.from({ length: 20 }, () => faults.step()?.kind);
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(new Set(draw(7)).size).toBe(3);
    await wa.close();
  });

  it('hit sessions that come back, until they are healed', async () => {
    const wa = await startFakeWhatsApp({ preKeys: 'plenty' });
    const hosts = ['491', '492', '493'].map((phone) => keepConnected(wa, phone));
    await wa.waitFor(() => wa.connected().length === 3);
    const kinds = ['fin', 'rst', 'rst-mid-frame', 'websocket-close', 'stream-error-503', 'refused-tcp'] as const;
    const faults = createRandomFaults(wa, { seed: 3, kinds });
    for (let hit = 0; hit < 12; ) {
      const fault = faults.step();
      if (fault?.jid === undefined) {
        if (fault === undefined) await wa.waitFor((session) => session.connected);
        continue;
      }
      hit += 1;
      await wa.session(fault.jid).waitForNextEvent('closed');
    }
    await faults.heal();
    await wa.waitFor(() => wa.connected().length === 3);
    expect(faults.injected.filter(({ jid }) => jid)).toHaveLength(12);
    expect(hosts.flatMap(({ codes }) => codes).length).toBeGreaterThanOrEqual(12);
    await Promise.all(hosts.map((host) => host.stop()));
    await wa.close();
  });

  it('come by the clock too, and heal() ends silence', async () => {
    const wa = await startFakeWhatsApp({ preKeys: 'plenty' });
    const host = keepConnected(wa, '491');
    await wa.session('491').waitForLogin();
    const faults = createRandomFaults(wa, { seed: 1, kinds: ['silence'] });
    faults.start(20);
    await wa.session('491').waitForState('silent');
    await faults.heal();
    await wa.session('491').waitForLogin();
    expect(faults.injected.length).toBeGreaterThanOrEqual(1);
    await host.stop();
    await wa.close();
  });
});
