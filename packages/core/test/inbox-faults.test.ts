import { describe, expect, it } from 'vitest';
import { asking, WAIT_MS } from './asking.js';
import { heartbeats } from './heartbeats.js';

const silent = { code: 'status_unknown', retryable: true, message: expect.stringContaining('owner_silent') };

describe('an owner that does not answer', () => {
  for (const fate of ['pause', 'kill'] as const) {
    it(`because of a ${fate} makes the answer unknown, and nothing is written`, async () => {
      const { asker, attach, during, row, mortal, memory } = await asking({ wakes: false });
      await attach('s');
      const before = await row('s');
      mortal[fate]();
      const status = asker.wa.status('s').catch((error: unknown) => error);
      const report = await during(asker.wa.syncNow('s'), WAIT_MS);
      expect(await status).toMatchObject(silent);
      expect(report.sessions).toMatchObject([{ id: 's', actual: null, action: 'unknown', reason: 'owner_silent' }]);
      expect(report.totals).toMatchObject({ checked: 1, unknown: 1 });
      expect(await row('s')).toEqual(before);
      expect(await memory.history.ofSession({ sessionId: 's', limit: 9 })).toHaveLength(1);
    });
  }

  it('in time changes nothing when it comes late, and the next question is answered', async () => {
    const { asker, attach, during, row, spies, clock, memory } = await asking();
    const socket = await attach('s');
    const late: (() => Promise<unknown>)[] = [];
    spies.owner.fail('answer', (next) => {
      late.push(next);
      return new Promise(() => {});
    });
    const statuses = during(asker.wa.status('s'), WAIT_MS);
    await expect(statuses).rejects.toMatchObject(silent);
    spies.owner.fix();
    socket.script.close('lost');
    await clock.advance(11_000);
    const before = await row('s');
    for (const send of late) await send();
    await clock.advance(1_000);
    expect(await row('s')).toEqual(before);
    expect(await during(asker.wa.status('s'), 6_000)).toMatchObject({ status: 'RECONNECTING', askedOf: 'owner' });
    expect(await memory.inbox.prune({ keepMs: 0, limit: 9 })).toBe(1);
  });

  it('because it lost the session to a third one is unknown; the new owner is asked next', async () => {
    const { asker, attach, during, replica, connection, row, clock } = await asking({ wakes: false });
    await attach('s');
    const third = replica({ jobs: { sync: false, cleanup: false, inactivity: false }, replicaId: 'third' });
    await during(third.wa.start(), 11_000);
    const answer = asker.wa.status('s').catch((error: unknown) => error);
    await clock.advance(200);
    await during(third.wa.attach(connection('s')).ready, 0);
    const taken = await row('s');
    expect(await during(answer, WAIT_MS)).toMatchObject(silent);
    expect(await row('s')).toEqual(taken);
    expect(await during(asker.wa.status('s'), 6_000)).toMatchObject({ connected: true, askedOf: 'owner' });
  });

  it('because its lease cannot be trusted is not answered, though it was woken', async () => {
    const { asker, attach, during, memory, spies, row } = await asking();
    await attach('s');
    const before = await row('s');
    const { beat } = memory.leases;
    memory.leases.beat = (params) =>
      params.incarnation === before.owner ? Promise.reject(new Error('cut off')) : beat(params);
    // Its last renewal was two seconds ago: from 25 seconds on it no longer trusts itself, and until 28 the others
    // still do.
    await during(Promise.resolve(), 26_000);
    expect((await row('s')).effective.status).toBe('CONNECTED');
    // When the time to answer is over its lease is too, and the row says so.
    const status = await during(asker.wa.status('s'), WAIT_MS);
    expect(status).toMatchObject({ status: 'DISCONNECTED', evidence: 'expired', askedOf: 'lease' });
    expect([...spies.owner.of('take'), ...spies.owner.of('answer')]).toEqual([]);
    memory.leases.beat = beat;
  });

  it('because its lease ran out while it asked its connection is unknown', async () => {
    const { asker, attach, during, memory, spies, row } = await asking();
    const socket = await attach('s');
    const { owner: incarnation } = await row('s');
    const { beat } = memory.leases;
    memory.leases.beat = (params) =>
      params.incarnation === incarnation ? Promise.reject(new Error('cut off')) : beat(params);
    await during(Promise.resolve(), 23_000);
    socket.script.onProbe('answered', { afterMs: 4_000 });
    const report = await during(asker.wa.forceSync('s'), WAIT_MS);
    expect(report.sessions).toMatchObject([{ action: 'unknown', reason: 'owner_silent' }]);
    expect([spies.owner.of('take').length, spies.owner.of('answer').length]).toEqual([1, 0]);
    memory.leases.beat = beat;
  });

  it('to more than a hundred at once lets the others wait in the store', async () => {
    const { asker, attach, during, spies, clock } = await asking();
    const ids = Array.from({ length: 250 }, (_, index) => `s${index}`);
    for (const id of ids) (await attach(id)).script.onProbe('answered', { afterMs: 500 });
    await clock.advance(100);
    const answers = Promise.all(ids.map((id) => asker.wa.forceSync(id)));
    await clock.advance(0);
    expect(spies.owner.of('take').map(({ limit }) => limit)).toEqual([100]);
    const reports = await during(answers, WAIT_MS);
    expect(new Set(reports.map(({ sessions }) => sessions[0]?.reason))).toEqual(new Set(['in_sync']));
    expect(Math.max(...spies.owner.of('take').map(({ limit }) => Number(limit)))).toBe(100);
  });
});

describe('what is bounded', () => {
  it('is how many questions wait: one too many is unknown at once', async () => {
    const { asker, memory, during, clock } = await asking();
    const ids = Array.from({ length: 1_001 }, (_, index) => `s${index}`);
    await memory.leases.join({ incarnation: 'mute', replicaId: 'mute', ttlMs: 3_600_000 });
    await memory.sessions.create({ sessions: ids.map((id) => ({ id, desired: 'running' as const })) });
    const claims = ids.map((id) => ({ id, tenure: `t-${id}`, mode: 'free' as const }));
    await memory.sessions.claim({ owner: 'mute', claims });
    const settled: string[] = [];
    const all = ids.map((id) => asker.wa.status(id).catch(() => void settled.push(id)));
    await clock.advance(0);
    expect(settled).toEqual(['s1000']);
    await during(Promise.all(all), WAIT_MS);
    expect(settled).toHaveLength(1_001);
  });

  it('is how long a connection may keep a place that never settles', async () => {
    const { owner, asker, attach, connection, during, clock } = await asking();
    await attach('fine');
    const ids = Array.from({ length: 100 }, (_, index) => `s${index}`);
    for (const id of ids) {
      const logOut = () => new Promise<void>(() => {});
      await during(owner.wa.attach({ ...connection(id), logOut }).ready, 0);
    }
    const hung = ids.map((id) => asker.wa.sessions.logout(id).catch((error: { code: string }) => error.code));
    await clock.advance(1_000);
    await expect(during(asker.wa.status('fine'), WAIT_MS)).rejects.toMatchObject(silent);
    expect(new Set(await Promise.all(hung))).toEqual(new Set(['owner_silent']));
    await clock.advance(30_000);
    expect(await during(asker.wa.status('fine'), 6_000)).toMatchObject({ connected: true, askedOf: 'owner' });
  });
});

describe('an inbox that fails', () => {
  const garbage = ['', 'null', '[]', '{', '"CONNECTED"', '{"status":"FINE"}', '{"synced":{"id":"s"}}', '{"done":1}'];
  for (const body of garbage) {
    it(`with the answer ${JSON.stringify(body)} leaves the question unknown, and logs it`, async () => {
      const { asker, attach, during, spies, codes, row } = await asking();
      await attach('s');
      const before = await row('s');
      spies.owner.fail('answer', async () => {});
      spies.asker.fail('collect', async () =>
        spies.asker.of('ask').flatMap(({ requests }) => (requests as { id: string }[]).map(({ id }) => ({ id, body }))),
      );
      await expect(during(asker.wa.status('s'), 2_000)).rejects.toMatchObject({
        code: 'status_unknown',
        message: expect.stringContaining('owner_answer_invalid'),
      });
      const { sessions } = await during(asker.wa.syncNow('s'), 2_000);
      expect(sessions).toMatchObject([{ action: 'unknown', reason: 'owner_answer_invalid' }]);
      await expect(during(asker.wa.sessions.logout('s'), 2_000)).rejects.toMatchObject({ code: 'owner_silent' });
      expect(codes().filter((code) => code === 'inbox_answer_invalid')).toHaveLength(3);
      expect(await row('s')).toEqual(before);
    });
  }

  const parts = [
    ['ask', 'asker', 'store_failed', []],
    ['collect', 'asker', 'owner_silent', ['inbox_failed']],
    ['take', 'owner', 'owner_silent', ['inbox_failed']],
    ['answer', 'owner', 'owner_silent', ['inbox_failed']],
  ] as const;
  for (const [name, who, why, logged] of parts) {
    it(`at ${name} leaves the question unknown and the replicas running`, async () => {
      const { asker, owner, attach, during, spies, codes, row } = await asking();
      await attach('s');
      const before = await row('s');
      spies[who].fail(name);
      await expect(during(asker.wa.status('s'), WAIT_MS)).rejects.toMatchObject({
        code: 'status_unknown',
        message: expect.stringContaining(why),
      });
      expect(codes()).toEqual(expect.arrayContaining([...logged]));
      spies[who].fix();
      expect(await row('s')).toEqual(before);
      expect(await during(asker.wa.status('s'), 6_000)).toMatchObject({ connected: true, askedOf: 'owner' });
      expect([...owner.events, ...asker.events].filter(({ name: event }) => event === 'lease:lost')).toEqual([]);
    });
  }

  it('at one answer takes those that came meanwhile', async () => {
    const { asker, attach, during, spies, clock } = await asking();
    for (const id of ['a', 'b']) await attach(id);
    let fail = () => {};
    spies.owner.fail('answer', () => new Promise((_, reject) => (fail = () => reject(new Error('no')))));
    const first = asker.wa.status('a').catch((error: unknown) => error);
    await clock.advance(1_000);
    const second = asker.wa.status('b');
    await clock.advance(1_000);
    spies.owner.fix();
    fail();
    expect(await during(second, 6_000)).toMatchObject({ connected: true, askedOf: 'owner' });
    expect(await during(first, WAIT_MS)).toMatchObject(silent);
  });

  it('with a kind of question that nobody knows leaves it unanswered, and logs it', async () => {
    const { attach, clock, memory, codes, row } = await asking();
    await attach('s');
    const requests = [{ id: 'r', sessionId: 's', kind: 'explode' as 'status' }];
    await memory.inbox.ask({ asker: 'somebody', requests, ttlMs: WAIT_MS });
    await clock.advance(6_000);
    expect(await memory.inbox.collect({ ids: ['r'] })).toEqual([]);
    expect(codes()).toContain('inbox_failed');
    expect((await row('s')).status).toBe('CONNECTED');
  });
});

describe('the notification of a store', () => {
  it('that cannot be had is tried for again, logged once, and the tick works without it', async () => {
    const world = await asking();
    const { replica, memory, during, spies, codes, attach, clock } = world;
    await attach('s');
    spies.asker.fail('listen');
    const other = replica({ store: { ...memory, inbox: spies.asker.inbox }, replicaId: 'other' });
    await during(other.wa.start(), 11_000);
    await clock.advance(30_000);
    expect(codes().filter((code) => code === 'inbox_failed')).toHaveLength(1);
    expect(await during(other.wa.status('s'), 6_000)).toMatchObject({ askedOf: 'owner' });
    spies.asker.fix();
    const before = spies.asker.listeners();
    await clock.advance(6_000);
    expect(spies.asker.listeners()).toBe(before + 1);
  });

  it('is listened for by each incarnation, and by none after stop', async () => {
    const { owner, asker, spies, memory, during, clock, attach } = await asking();
    await attach('s');
    const [first] = spies.owner.listened;
    expect([spies.owner.listeners(), spies.asker.listeners()]).toEqual([1, 1]);
    const mine = (await heartbeats(memory)).find(({ incarnation }) => incarnation === first);
    await memory.leases.fence(mine!);
    await clock.advance(11_000);
    expect(spies.owner.listeners()).toBe(1);
    expect(spies.owner.listened).toHaveLength(2);
    expect(spies.owner.listened[1]).not.toBe(first);
    for (const { wa } of [owner, asker]) await during(wa.stop(), 2_000);
    expect([spies.owner.listeners(), spies.asker.listeners()]).toEqual([0, 0]);
  });

  it('that is granted only after stop is ended', async () => {
    const { replica, memory, during, spies } = await asking();
    let grant = () => {};
    spies.asker.fail(
      'listen',
      (next) =>
        new Promise((resolve) => {
          grant = () => resolve(next());
        }),
    );
    const before = spies.asker.listeners();
    const other = replica({ store: { ...memory, inbox: spies.asker.inbox }, replicaId: 'other' });
    await during(other.wa.start(), 11_000);
    await during(other.wa.stop(), 2_000);
    grant();
    await during(Promise.resolve(), 0);
    expect(spies.asker.listeners()).toBe(before);
    expect(spies.asker.listened).toHaveLength(before + 1);
  });

  it('leaves nobody waiting who asked before stop', async () => {
    const { asker, attach, during, mortal, clock } = await asking({ wakes: false });
    await attach('s');
    mortal.pause();
    const answer = asker.wa.status('s').catch((error: unknown) => error);
    await clock.advance(1_000);
    await during(asker.wa.stop(), 2_000);
    expect(await answer).toMatchObject(silent);
  });
});
