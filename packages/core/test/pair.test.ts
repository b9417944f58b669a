import { describe, expect, it } from 'vitest';
import type { ConnectionProvider, PairingStep } from '../src/index.js';
import { createWorld } from './world.js';

const off = { jobs: { sync: false as const } };

/** A replica with a provider and one session that nobody has linked yet. */
async function unlinked(wrap: (provider: ConnectionProvider) => ConnectionProvider = (provider) => provider) {
  const world = createWorld();
  const provider = world.provider();
  const { wa } = world.replica({ ...off, provider: wrap(provider) });
  await world.during(wa.start(), 0);
  await world.during(wa.sessions.create({ id: 's', desired: 'stopped' }), 0);
  const steps: PairingStep[] = [];
  const pair = (options?: { phone?: string; signal?: AbortSignal }) => {
    const done = (async () => {
      for await (const step of wa.sessions.pair('s', options)) steps.push(step);
    })();
    done.catch(() => {});
    return done;
  };
  const script = () => provider.latest('s')!.connection.script;
  return { world, wa, steps, pair, script, provider };
}

describe('pairing', () => {
  it('yields each code once until the session is connected, which then runs', async () => {
    const { world, steps, pair, script } = await unlinked();
    const done = pair();
    await world.clock.settle();
    script().set({ status: 'QR_CODE', qr: 'first' });
    await world.clock.settle();
    script().set({ reason: { code: 'still_waiting' } });
    await world.clock.settle();
    script().set({ qr: 'second' });
    await world.clock.settle();
    expect(await world.row('s')).toMatchObject({ status: 'QR_CODE', qr: 'second' });
    script().unknown('resyncing');
    await world.clock.settle();
    script().open();
    await done;
    expect(steps.map((step) => 'qr' in step && step.qr)).toEqual(['first', 'second']);
    await world.clock.settle();
    expect(await world.row('s')).toMatchObject({ status: 'CONNECTED', qr: null, desired: 'running' });
  });

  it('asks for a code by the number, however it was written', async () => {
    const phones: string[] = [];
    const { world, steps, pair, script } = await unlinked((inner) => ({
      open: (params) => ({
        ...inner.open(params),
        requestPairingCode: async ({ phone }) => {
          phones.push(phone);
          return { code: 'ABCD1234', expiresAt: new Date(0) };
        },
      }),
    }));
    const done = pair({ phone: '+55 (11) 98765-4321' });
    await world.clock.settle();
    script().set({ status: 'QR_CODE', qr: 'unused' });
    await world.clock.settle();
    script().open();
    await done;
    expect([...new Set(phones)]).toEqual(['5511987654321']);
    expect(steps).toEqual([{ code: 'ABCD1234', expiresAt: new Date(0) }]);
  });

  it('waits for a code that never comes for 30 s, or until the caller leaves', async () => {
    const { world, pair, script } = await unlinked((inner) => ({
      open: (params) => ({ ...inner.open(params), requestPairingCode: () => new Promise(() => {}) }),
    }));
    const done = pair({ phone: '5511987654321' });
    await world.clock.settle();
    script().set({ status: 'QR_CODE', qr: 'unused' });
    await expect(world.during(done, 30_000)).rejects.toMatchObject({
      code: 'pairing_failed',
      retryable: true,
      cause: { message: 'requestPairingCode of its connection did not settle within 30 s' },
    });
    const leaving = new AbortController();
    const left = pair({ phone: '5511987654321', signal: leaving.signal });
    await world.clock.settle();
    leaving.abort();
    await world.during(left, 0);
  });

  it('says that WhatsApp gave no code, unless another socket has taken the place of the one that was asked', async () => {
    let asked = 0;
    const { world, steps, pair, script } = await unlinked((inner) => ({
      open: (params) => ({
        ...inner.open(params),
        requestPairingCode: async () => {
          asked += 1;
          if (asked === 1) script().set({ status: 'CONNECTING', qr: null });
          throw new Error('connection closed');
        },
      }),
    }));
    const done = pair({ phone: '5511987654321' });
    await world.clock.settle();
    script().set({ status: 'QR_CODE', qr: 'one' });
    await world.clock.settle();
    expect(asked).toBe(1);
    script().set({ status: 'QR_CODE', qr: 'two' });
    await expect(done).rejects.toMatchObject({ code: 'pairing_failed', retryable: true });
    expect(steps).toEqual([]);
  });

  it.each([
    ['qr_expired', 'qr_expired'],
    ['rejected', 'pairing_failed'],
  ])('ends with a reason where the connection gives up: %s', async (reason, code) => {
    const { world, pair, script } = await unlinked();
    const done = pair();
    await world.clock.settle();
    script().close({ code: reason, detail: 'by the phone' }, 'DISCONNECTED');
    await expect(done).rejects.toMatchObject({ code });
  });

  it('is left by its caller at any time: the session goes on, and nobody listens any more', async () => {
    const { world, pair, script } = await unlinked();
    const leave = new AbortController();
    const done = pair({ signal: leave.signal });
    await world.clock.settle();
    const { listeners } = script();
    script().set({ status: 'QR_CODE', qr: 'first' });
    await world.clock.settle();
    leave.abort();
    await done;
    expect(script().listeners).toBe(listeners - 1);
    script().open();
    await world.clock.settle();
    expect((await world.row('s')).status).toBe('CONNECTED');
  });

  it('is refused without a provider, for a socket of the host, for what another has, and for a number that is none', async () => {
    const { world, wa, pair } = await unlinked();
    const bare = world.replica({ ...off, replicaId: 'bare' });
    const other = world.replica({ ...off, replicaId: 'other', provider: world.provider() });
    await world.during(bare.wa.start(), 0);
    await world.during(other.wa.start(), 0);
    const first = async (replica: typeof wa, id: string) => {
      for await (const step of replica.sessions.pair(id)) return step;
      return null;
    };
    await expect(first(bare.wa, 's')).rejects.toMatchObject({ code: 'no_provider' });
    await world.during(wa.attach(world.connection('host')).ready, 0);
    await expect(first(wa, 'host')).rejects.toMatchObject({ code: 'not_supported' });
    await expect(first(other.wa, 'host')).rejects.toMatchObject({ code: 'pairing_failed' });
    await expect(pair({ phone: '12' })).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(pair({ phone: '5511987654321' })).rejects.toMatchObject({ code: 'not_supported' });
  });

  it('opens anew what a person left waiting, and shares what is at work', async () => {
    const { world, wa, provider, script } = await unlinked();
    await world.during(wa.sessions.start('s'), 0);
    script().close('logged_out', 'LOGGED_OUT');
    await world.clock.settle();
    await world.during(wa.sessions.start('s'), 0);
    expect(provider.opened).toHaveLength(2);
    expect(new Set(provider.opened.map(({ tenure }) => tenure)).size).toBe(1);
    await world.during(wa.sessions.start('s'), 0);
    expect(provider.opened).toHaveLength(2);
    script().open();
    await world.clock.settle();
    expect((await world.row('s')).status).toBe('CONNECTED');
  });
});
