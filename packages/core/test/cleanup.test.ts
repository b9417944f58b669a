import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eligibleForCleanup } from '../src/decide/eligible-for-cleanup.js';
import { SESSION_STATUSES, type SessionStatus } from '../src/index.js';
import { cleaning, DAY } from './cleaning.js';

const MINUTE = 60_000;

describe('the rule', () => {
  const days = fc.integer({ min: 0, max: 100 * DAY });
  const facts = fc.record({
    status: fc.constantFrom(...SESSION_STATUSES),
    active: fc.boolean(),
    owned: fc.boolean(),
    ownerSuspects: fc.boolean(),
    inactiveForMs: days,
    unchangedForMs: days,
  });

  it('takes nobody who is connected, young, being repaired, suspected by its owner, or already at rest', () => {
    fc.assert(
      fc.property(facts, days, (session, inactiveForMs) => {
        if (!eligibleForCleanup(session, { stage: 'deactivate', inactiveForMs, restedForMs: 0 })) return;
        expect(session.active).toBe(true);
        expect(session.inactiveForMs).toBeGreaterThan(inactiveForMs);
        expect(session.status).not.toBe('CONNECTED');
        if (session.owned) {
          expect(['CONNECTING', 'RECONNECTING', 'REPLACED']).not.toContain(session.status);
          expect(session.ownerSuspects).toBe(false);
        }
      }),
    );
  });

  it('deletes only what is at rest and nobody’s', () => {
    fc.assert(
      fc.property(facts, days, days, (session, inactiveForMs, restedForMs) => {
        if (!eligibleForCleanup(session, { stage: 'purge', inactiveForMs, restedForMs })) return;
        expect(session).toMatchObject({ active: false, owned: false });
        expect(session.status).not.toBe('CONNECTED');
        expect(session.inactiveForMs).toBeGreaterThan(inactiveForMs);
        expect(session.unchangedForMs).toBeGreaterThanOrEqual(restedForMs);
      }),
    );
  });

  it('takes each that nobody needs, and not a millisecond too early', () => {
    const nobodys = { status: 'DISCONNECTED', active: true, owned: false, ownerSuspects: false } as const;
    const unused = { ...nobodys, inactiveForMs: 10, unchangedForMs: 5 } as const;
    const resting = { ...unused, active: false };
    const rest = { stage: 'deactivate', inactiveForMs: 9, restedForMs: 0 } as const;
    expect(eligibleForCleanup(unused, rest)).toBe(true);
    expect(eligibleForCleanup(unused, { ...rest, inactiveForMs: 10 })).toBe(false);
    expect(eligibleForCleanup(unused, { ...rest, restedForMs: 6 })).toBe(true);
    expect(eligibleForCleanup({ ...unused, owned: true }, { ...rest, restedForMs: 5 })).toBe(true);
    expect(eligibleForCleanup({ ...unused, owned: true }, { ...rest, restedForMs: 6 })).toBe(false);
    expect(eligibleForCleanup(resting, { stage: 'purge', inactiveForMs: 9, restedForMs: 5 })).toBe(true);
    expect(eligibleForCleanup(resting, { stage: 'purge', inactiveForMs: 10, restedForMs: 5 })).toBe(false);
    expect(eligibleForCleanup(resting, { stage: 'purge', inactiveForMs: 9, restedForMs: 6 })).toBe(false);
    for (const status of ['QR_CODE', 'LOGGED_OUT', 'ERROR', 'DISCONNECTED'] as const) {
      expect(eligibleForCleanup({ ...unused, status, owned: true }, rest)).toBe(true);
    }
    const never: SessionStatus[] = ['CONNECTING', 'RECONNECTING', 'REPLACED'];
    for (const status of never) expect(eligibleForCleanup({ ...unused, status }, rest)).toBe(true);
  });
});

describe('a cleanup', () => {
  it('deactivates after 30 days and deletes row and credentials after 60, never both in one run', async () => {
    const { wa, memory, add, startAfter, clean, row, rows, daysLater } = await cleaning();
    await add(1);
    await memory.auth.write({
      sessionId: 's0000',
      tenure: null,
      entries: [{ type: 'creds', id: 'me', value: new Uint8Array([1]) }],
    });
    await startAfter(29.9);
    expect((await clean()).totals).toMatchObject({ sessions: 1, deactivated: 0, purged: 0 });
    daysLater(0.2);
    expect(await clean()).toMatchObject({
      dryRun: false,
      postponed: null,
      totals: { sessions: 1, deactivated: 1, purged: 0, left: 0 },
      sessions: [{ id: 's0000', stage: 'deactivate', outcome: 'done', status: 'DISCONNECTED' }],
    });
    expect(await row('s0000')).toMatchObject({ active: false, reason: { code: 'inactive' }, owner: null });
    expect((await memory.auth.read({ sessionId: 's0000', type: 'creds', ids: ['me'] })).size).toBe(1);
    daysLater(29);
    expect((await clean()).totals).toMatchObject({ purged: 0 });
    daysLater(1.1);
    expect(await clean()).toMatchObject({
      totals: { purged: 1 },
      sessions: [{ id: 's0000', stage: 'purge', outcome: 'done', credentials: 'store' }],
    });
    expect(await rows()).toEqual([]);
    expect((await memory.auth.read({ sessionId: 's0000', type: 'creds', ids: ['me'] })).size).toBe(0);
    await wa.sessions.create({ id: 's0000', desired: 'stopped' });
    expect((await clean()).totals).toMatchObject({ deactivated: 0 });
  });

  it('lets a row rest that was older than both limits when it came, for the difference between them', async () => {
    const { wa, clock, startAfter, clean, row, daysLater, during } = await cleaning();
    await startAfter(0);
    const lastSeenAt = new Date(clock.now().getTime() - 400 * DAY);
    await during(wa.sessions.import({ sessions: [{ id: 'ancient', desired: 'stopped', lastSeenAt }] }), 0);
    expect((await clean()).totals).toMatchObject({ deactivated: 1, purged: 0 });
    for (const days of [1, 28]) {
      daysLater(days);
      expect((await clean()).totals).toMatchObject({ purged: 0 });
    }
    expect(await row('ancient')).toMatchObject({ active: false });
    // A run comes a little sooner or later after midnight than the one that deactivated it.
    daysLater(0.99);
    expect((await clean()).totals).toMatchObject({ purged: 1 });
  });

  it('counts the age from the last proof of life, not from the last write', async () => {
    const { wa, add, startAfter, clean, during, connection, clock, daysLater } = await cleaning();
    const [id] = await add(1);
    await startAfter(31);
    const socket = connection(id!);
    await during(wa.attach(socket).ready, 0);
    daysLater(20);
    socket.script.close('connection_closed', 'DISCONNECTED');
    await clock.settle();
    expect((await clean()).totals.deactivated).toBe(0);
    daysLater(29);
    await during(wa.sessions.stop(id!), 0);
    expect((await clean()).totals.deactivated).toBe(0);
    daysLater(1.1);
    expect((await clean()).totals.deactivated).toBe(1);
  });

  it('takes at most maxFraction in a run, at least one, and all with force', async () => {
    const { add, startAfter, clean, rows } = await cleaning();
    await add(450);
    await startAfter(31);
    expect((await clean()).totals).toMatchObject({ sessions: 450, deactivated: 90, left: 360 });
    expect((await clean()).totals).toMatchObject({ deactivated: 90, left: 270 });
    const forced = await clean({ force: true });
    expect(forced.totals).toMatchObject({ deactivated: 270, left: 0 });
    expect((await rows()).every(({ active }) => !active)).toBe(true);
    const few = await cleaning({ cleanup: { maxFraction: 0 } });
    await few.add(3);
    await few.startAfter(31);
    expect((await few.clean()).totals).toMatchObject({ deactivated: 1, left: 2 });
  });

  it('only says what it would do in a dry run: both stages, what is marked already, and what is left', async () => {
    const { add, startAfter, clean, rows, memory, calls } = await cleaning();
    const made = await add(20);
    await memory.cleanup.deactivate({ ids: made.slice(0, 4), inactiveForMs: -1, restedForMs: 0 });
    await startAfter(61);
    await memory.cleanup.markForPurge({ ids: made.slice(0, 1), inactiveForMs: DAY, restedForMs: 0 });
    const before = await rows();
    calls.length = 0;
    const report = await clean({ dryRun: true });
    expect(report.totals).toMatchObject({ sessions: 20, purged: 4, deactivated: 1, left: 15 });
    expect(report.sessions.every(({ outcome }) => outcome === 'would')).toBe(true);
    expect((await clean({ dryRun: true, force: true })).totals).toMatchObject({ purged: 4, deactivated: 16, left: 0 });
    expect(await rows()).toEqual(before);
    expect(calls.filter((name) => ['begin', 'deactivate', 'markForPurge', 'purge'].includes(name))).toEqual([]);
  });

  it('names at most 1,000 sessions and counts all', async () => {
    const { add, startAfter, clean } = await cleaning();
    await add(1_500);
    await startAfter(31);
    const report = await clean({ force: true });
    expect(report.totals.deactivated).toBe(1_500);
    expect(report.sessions).toHaveLength(1_000);
  });
});

describe('a session that is needed', () => {
  it('F29: stays where it comes back between read and write, in either stage', async () => {
    const { add, startAfter, clean, wa, memory, row } = await cleaning();
    const [first, second] = await add(2);
    await memory.cleanup.deactivate({ ids: [second!], inactiveForMs: -1, restedForMs: 0 });
    await startAfter(61);
    const { candidates } = memory.cleanup;
    memory.cleanup.candidates = async (params) => {
      const found = await candidates(params);
      for (const { id } of found) {
        if (params.stage === 'purge') await wa.sessions.start(id);
        else await memory.sessions.claim({ owner: await owner(), claims: [{ id, tenure: 't', mode: 'free' }] });
        const [held] = await memory.sessions.get({ ids: [id] });
        if (held?.tenure !== 't') continue;
        const set = { status: 'CONNECTED', health: 'healthy', reason: null, phone: null, qr: null } as const;
        const write = { id, tenure: 't', version: held.version, writeId: 'w' };
        const state = { ...set, reconnectAttempt: 0, seenAgoMs: null };
        await memory.sessions.write({ owner: held.owner!, writes: [{ ...write, set: state }] });
      }
      return found;
    };
    async function owner(): Promise<string> {
      await memory.leases.join({ incarnation: 'other', replicaId: 'other', ttlMs: DAY });
      return 'other';
    }
    const report = await clean({ force: true });
    expect(report.totals).toMatchObject({ deactivated: 0, purged: 0 });
    expect(report.sessions.map(({ outcome, stage }) => [stage, outcome])).toEqual([
      ['purge', 'came_back'],
      ['deactivate', 'came_back'],
      ['deactivate', 'came_back'],
    ]);
    memory.cleanup.candidates = candidates;
    expect(await row(second!)).toMatchObject({ active: true, desired: 'running' });
    expect(await row(first!)).toMatchObject({ active: true });
  });

  it('F29: stays while it is connected, being repaired, or repaired by a replica that suspects its own network', async () => {
    const { add, startAfter, clean, during, connection, wa, row, daysLater } = await cleaning();
    const [up, repairing, waiting] = await add(3);
    await startAfter(40);
    await during(wa.attach(connection(up!)).ready, 0);
    await during(wa.attach(connection(repairing!, { status: 'RECONNECTING' })).ready, 0);
    const socket = connection(waiting!, { status: 'QR_CODE' });
    const handle = wa.attach(socket);
    await during(handle.ready, 0);
    expect(await row(waiting!)).toMatchObject({ status: 'QR_CODE', owner: expect.any(String) });
    // A person may have opened it just now.
    expect((await clean({ force: true })).sessions).toEqual([]);
    daysLater(MINUTE / DAY);
    const report = await clean({ force: true });
    expect(report.sessions.map(({ id }) => id)).toEqual([waiting]);
    expect(await row(waiting!)).toMatchObject({ active: false, status: 'DISCONNECTED', owner: null });
    await during(wa.syncNow(waiting!), 0);
    expect((await during(wa.syncNow(waiting!), 0)).sessions[0]).toMatchObject({ reason: 'session_inactive' });
    expect(handle.lost.aborted).toBe(false);
    // A person scans the code: it is needed after all.
    socket.script.open();
    await during(wa.syncNow(waiting!), 0);
    expect(await row(waiting!)).toMatchObject({ active: true, status: 'CONNECTED' });
  });

  it('comes to life again by start, and is then no longer deleted', async () => {
    const { add, startAfter, clean, during, wa, row, daysLater } = await cleaning();
    const [id] = await add(1);
    await startAfter(31);
    await clean();
    await during(wa.sessions.start(id!), 0);
    expect(await row(id!)).toMatchObject({ active: true, desired: 'running' });
    daysLater(40);
    expect((await clean()).totals).toMatchObject({ purged: 0, deactivated: 1 });
  });
});
