import { createManualClock, createScriptedConnection, createScriptedProvider } from '@wa-sync/testing';
import { describeConnection } from '@wa-sync/testing/conformance';
import { describe, expect, it } from 'vitest';

describeConnection({
  name: 'scripted',
  runner: { describe, it },
  async create() {
    const clock = createManualClock();
    const sessionId = 'vendas 😀';
    const connection = createScriptedConnection({ sessionId, clock });
    const { script } = connection;
    return {
      connection,
      sessionId,
      dropLink: async () => script.close('connection_lost'),
      goSilent: async () => script.goSilent(),
      sendFrame: async () => script.receiveFrame(),
      advance: clock.advance,
      close: async () => undefined,
    };
  },
});

describe('a scripted connection', () => {
  const clock = createManualClock();
  const make = (options = {}) => createScriptedConnection({ sessionId: 's', clock, ...options });

  it('keeps what is true and what it says apart', () => {
    const connection = make();
    connection.script.goSilent();
    expect(connection.script.link).toBe('silent');
    expect(connection.snapshot()).toMatchObject({ kind: 'known', status: 'CONNECTED' });
    connection.script.close('connection_lost');
    connection.script.set({ status: 'CONNECTED', reason: null });
    expect(connection.script.link).toBe('closed');
    expect(connection.snapshot()).toMatchObject({ status: 'CONNECTED' });
    connection.script.unknown('adapter_busy');
    expect(connection.snapshot()).toEqual({ kind: 'unknown', why: 'adapter_busy' });
    connection.script.open();
    expect(connection.snapshot()).toMatchObject({ status: 'CONNECTED', silentForMs: 0 });
  });

  it('starts with a closed link where it does not say CONNECTED', async () => {
    const connection = make({ status: 'CONNECTING' });
    expect(connection.script.link).toBe('closed');
    expect(connection.snapshot()).toMatchObject({ status: 'CONNECTING', silentForMs: null });
    expect(await connection.probe({ timeoutMs: 1 })).toBe('unavailable');
  });

  it('probes as scripted, at the time that was scripted', async () => {
    const connection = make();
    connection.script.onProbe('throws');
    await expect(connection.probe({ timeoutMs: 10 })).rejects.toThrow('script');
    let settled = 0;
    const count = () => {
      settled += 1;
    };
    connection.script.onProbe('never');
    void connection.probe({ timeoutMs: 10 }).then(count, count);
    connection.script.onProbe('answered', { afterMs: 500 });
    void connection.probe({ timeoutMs: 10 }).then(count);
    await clock.advance(499);
    expect(settled).toBe(0);
    await clock.advance(1);
    expect(settled).toBe(1);
    expect(connection.snapshot()).toMatchObject({ silentForMs: 0 });
    await clock.advance(60_000);
    expect(settled).toBe(1);
    expect(connection.script.probes).toBe(3);
  });

  it('heals as scripted and counts it', async () => {
    const connection = make();
    await connection.heal({ reason: 'probe_timeout' });
    expect(connection.snapshot()).toMatchObject({
      status: 'RECONNECTING',
      reason: { code: 'probe_timeout' },
      reconnectAttempt: 1,
    });
    connection.script.onHeal('nothing');
    await connection.heal({ reason: 'again' });
    expect(connection.snapshot()).toMatchObject({ reconnectAttempt: 1 });
    connection.script.onHeal('throws');
    await expect(connection.heal({ reason: 'third' })).rejects.toThrow('script');
    connection.script.onHeal('open');
    await connection.heal({ reason: 'fourth' });
    expect(connection.script.link).toBe('open');
    expect(connection.script.heals).toEqual(['probe_timeout', 'again', 'third', 'fourth']);
  });

  it('closed leaves a link of the host as it is, and ends its own', async () => {
    const [hosts, own] = [make({ hostOwned: true }), make()];
    for (const connection of [hosts, own]) {
      connection.onChange(() => undefined);
      await connection.close({ reason: 'detached' });
      expect(connection.script.closes).toEqual(['detached']);
      expect(connection.script.listeners).toBe(0);
    }
    expect(hosts.script.link).toBe('open');
    expect(own.script.link).toBe('closed');
    expect(own.snapshot()).toMatchObject({ status: 'DISCONNECTED', reason: { code: 'detached' } });
  });

  it('is what a scripted provider opens and remembers', () => {
    const provider = createScriptedProvider({ clock, onOpen: ({ connection }) => connection.script.open() });
    const fenced = new AbortController().signal;
    const first = provider.open({ sessionId: 'a', tenure: 't1', fenced });
    const second = provider.open({ sessionId: 'a', tenure: 't2', fenced });
    expect(provider.opened.map(({ tenure }) => tenure)).toEqual(['t1', 't2']);
    expect(provider.latest('a')).toEqual({ sessionId: 'a', tenure: 't2', fenced, connection: second });
    expect(provider.latest('b')).toBeUndefined();
    expect(first.snapshot()).toMatchObject({ status: 'CONNECTED' });
  });
});
