import { describe, expect, it } from 'vitest';
import type { WaSyncStore } from '../src/index.js';
import { asking, off, WAIT_MS } from './asking.js';

describe('a status asked of another replica', () => {
  it('is what its connection says, at once where the store can notify it', async () => {
    const { owner: _, asker, attach, during, spies } = await asking();
    const socket = await attach('s');
    expect(await during(asker.wa.status('s'), 0)).toMatchObject({
      sessionId: 's',
      connected: true,
      status: 'CONNECTED',
      evidence: 'observed',
      askedOf: 'owner',
    });
    socket.script.unknown('starting');
    await expect(during(asker.wa.status('s'), 0)).rejects.toMatchObject({
      code: 'status_unknown',
      retryable: true,
      message: expect.stringContaining('starting'),
    });
    expect(spies.asker.of('ask')).toHaveLength(2);
  });

  it('comes with a tick where it cannot, and one beat stays one query', async () => {
    const { asker, attach, during, spies, clock, calls } = await asking({ wakes: false });
    await attach('s');
    expect(await during(asker.wa.status('s'), 6_000)).toMatchObject({ connected: true, askedOf: 'owner' });
    const [taken, asked] = [spies.owner.of('take').length, spies.asker.of('collect').length];
    expect([taken, asked]).toEqual([1, expect.any(Number)]);
    await clock.advance(60_000);
    expect([spies.owner.of('take').length, spies.asker.of('collect').length]).toEqual([taken, asked]);
    expect(calls).toEqual([]);
  });

  it('has the owner ask its connection where that is silent', async () => {
    const { asker, attach, during, row } = await asking();
    const socket = await attach('s');
    socket.script.goSilent();
    await during(Promise.resolve(), 20_500);
    expect((await row('s')).status).toBe('CONNECTED');
    expect(await during(asker.wa.status('s'), 12_000)).toMatchObject({
      connected: false,
      status: 'RECONNECTING',
      askedOf: 'owner',
    });
  });

  it('is the row’s where nobody has the session, or its owner’s lease is over', async () => {
    const { owner, asker, attach, during, memory, mortal, clock } = await asking();
    await memory.sessions.create({ sessions: [{ id: 'free', desired: 'running' }] });
    expect(await during(asker.wa.status('free'), 0)).toMatchObject({ status: 'DISCONNECTED', askedOf: 'lease' });
    await attach('s');
    mortal.kill();
    await clock.advance(30_500);
    expect(await during(asker.wa.status('s'), 0)).toMatchObject({
      status: 'DISCONNECTED',
      evidence: 'expired',
      askedOf: 'lease',
    });
    await expect(during(asker.wa.status('unknown'), 0)).rejects.toMatchObject({ code: 'session_not_found' });
    expect(owner.wa.replicaId).toBe('owner');
  });

  it('is one request for equal questions, and one statement for those of one moment', async () => {
    const { asker, attach, during, spies } = await asking({ wakes: false });
    const ids = Array.from({ length: 40 }, (_, index) => `s${index}`);
    for (const id of ids) await attach(id);
    const all = [...ids, ...ids, ...ids].map((id) => asker.wa.status(id));
    expect((await during(Promise.all(all), 6_000)).every(({ askedOf }) => askedOf === 'owner')).toBe(true);
    expect(spies.asker.of('ask').map(({ requests }) => (requests as unknown[]).length)).toEqual([40]);
    expect(spies.owner.of('take').length).toBeLessThanOrEqual(2);
    expect(spies.owner.of('answer').length).toBeLessThanOrEqual(2);
  });
});

describe('a sync asked of another replica', () => {
  it('is the owner’s: it corrects its row and says so', async () => {
    const { owner, asker, attach, during, memory, row } = await asking();
    await attach('s');
    const { owner: incarnation, tenure, version } = await row('s');
    const lie = {
      status: 'ERROR',
      health: 'healthy',
      reason: null,
      reconnectAttempt: 0,
      phone: null,
      qr: null,
    } as const;
    await memory.sessions.write({
      owner: incarnation ?? '',
      writes: [{ id: 's', tenure: tenure ?? '', version, writeId: 'w', set: { ...lie, seenAgoMs: null } }],
    });
    const report = await during(asker.wa.syncNow('s'), 0);
    expect(report.sessions).toMatchObject([{ id: 's', stored: 'ERROR', actual: 'CONNECTED', action: 'corrected' }]);
    expect(report.totals).toMatchObject({ checked: 1, corrected: 1 });
    expect((await row('s')).status).toBe('CONNECTED');
    expect(owner.events.map(({ name }) => name)).toContain('drift:corrected');
    expect(asker.events.map(({ name }) => name)).not.toContain('drift:corrected');
    await during(Promise.resolve(), 100);
    expect((await during(asker.wa.syncNow('s'), 0)).sessions).toMatchObject([{ action: 'none', reason: 'in_sync' }]);
  });

  it('that is forced probes and heals there', async () => {
    const { asker, attach, during } = await asking();
    const socket = await attach('s');
    socket.script.goSilent();
    const report = await during(asker.wa.forceSync('s'), 6_000);
    expect(report.sessions).toMatchObject([{ id: 's', stored: 'CONNECTED', actual: 'RECONNECTING', action: 'healed' }]);
    expect(socket.script.heals).toEqual(['silent']);
  });
});

describe('what the host wants of a session that another replica runs', () => {
  async function provided() {
    const world = await asking();
    const providers = { owner: world.provider(), asker: world.provider() };
    await world.during(world.owner.wa.stop(), 2_000);
    await world.during(world.asker.wa.stop(), 2_000);
    const replica = async (name: 'owner' | 'asker') => {
      const made = world.replica({ ...off, store: world.memory, replicaId: name, provider: providers[name] });
      await world.during(made.wa.start(), 11_000);
      return made.wa;
    };
    const owner = await replica('owner');
    await world.during(owner.sessions.create({ id: 's' }), 0);
    return { ...world, providers, wa: { owner, asker: await replica('asker') } };
  }

  it('is done by that one at once: stopped, and opened again where it waited for a person', async () => {
    const { wa, providers, during, row } = await provided();
    const [opened] = providers.owner.opened;
    opened?.connection.script.close('logged_out', 'LOGGED_OUT');
    await during(Promise.resolve(), 0);
    expect(await during(wa.asker.sessions.start('s'), 0)).toMatchObject({ desired: 'running' });
    expect([providers.owner.opened.length, providers.asker.opened.length]).toEqual([2, 0]);
    const stopped = await during(wa.asker.sessions.stop('s'), 0);
    expect(stopped).toMatchObject({ desired: 'stopped', owner: null });
    expect(providers.owner.opened.at(-1)?.connection.script.closes).toEqual(['stopped']);
    await during(wa.asker.sessions.start('s'), 0);
    expect((await row('s')).owner).not.toBeNull();
    expect([providers.owner.opened.length, providers.asker.opened.length]).toEqual([2, 1]);
  });
});

describe('a logout asked of another replica', () => {
  async function withLogOut(logOut?: () => Promise<void>) {
    const world = await asking();
    const socket = world.connection('s');
    await world.during(world.owner.wa.attach({ ...socket, ...(logOut && { logOut }) }).ready, 0);
    const logout = (ms = 0) => world.during(world.asker.wa.sessions.logout('s'), ms);
    return { ...world, socket, logout };
  }

  it('is done there', async () => {
    let done = 0;
    const { socket, logout, row, during } = await withLogOut(async () => {
      done += 1;
      socket.script.close('logged_out', 'LOGGED_OUT');
    });
    await logout();
    await during(Promise.resolve(), 0);
    expect([done, (await row('s')).status]).toEqual([1, 'LOGGED_OUT']);
  });

  it('is given up where the connection is, and the owner says so after 30 s', async () => {
    const { owner, during } = await withLogOut(() => new Promise(() => {}));
    await expect(during(owner.wa.sessions.logout('s'), 30_000)).rejects.toMatchObject({
      code: 'connection_closed',
      retryable: true,
      message: 'Session s: logOut of its connection did not settle within 30 s; the device may still be linked',
    });
  });

  it('is refused as it is here: not connected, or no way to do it', async () => {
    const closed = await withLogOut(() => Promise.reject(new Error('gone')));
    await expect(closed.logout()).rejects.toMatchObject({ code: 'connection_closed', retryable: true });
    const unable = await withLogOut();
    await expect(unable.logout()).rejects.toMatchObject({ code: 'not_supported' });
    await unable.memory.sessions.create({ sessions: [{ id: 'free', desired: 'running' }] });
    await expect(unable.asker.wa.sessions.logout('free')).rejects.toMatchObject({ code: 'not_supported' });
    await expect(unable.asker.wa.sessions.logout('unknown')).rejects.toMatchObject({ code: 'session_not_found' });
  });

  it('whose answer does not come is said to be unknown', async () => {
    const { logout } = await withLogOut(() => new Promise(() => {}));
    await expect(logout(WAIT_MS)).rejects.toMatchObject({ code: 'owner_silent', retryable: true });
  });
});

describe('without an inbox, or as an observer', () => {
  it('all is as the row says, and nothing is asked', async () => {
    const { owner, replica, memory, during, attach, spies } = await asking();
    await attach('s');
    const { inbox: _, ...without } = memory;
    const plain = replica({ ...off, store: without as WaSyncStore, replicaId: 'plain' });
    const observer = replica({ ...off, store: { ...memory, inbox: spies.asker.inbox }, observeOnly: true });
    for (const { wa } of [plain, observer]) {
      await during(wa.start(), 11_000);
      expect(await during(wa.status('s'), 0)).toMatchObject({ connected: true, askedOf: 'lease' });
      const { sessions } = await during(wa.syncNow('s'), 0);
      expect(sessions).toMatchObject([{ action: 'unknown', reason: 'owned_elsewhere' }]);
      await expect(during(wa.sessions.logout('s'), 0)).rejects.toMatchObject({ code: 'not_supported' });
    }
    expect(spies.asker.of('ask')).toEqual([]);
    expect(owner.events.filter(({ name }) => name === 'job:failed')).toEqual([]);
  });
});
