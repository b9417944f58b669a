import { describe, expect, it } from 'vitest';
import { createWorld } from './world.js';

const HOUR_MS = 3_600_000;

async function started(options: Parameters<ReturnType<typeof createWorld>['replica']>[0] = {}) {
  const world = createWorld();
  const { wa, events } = world.replica({ jobs: { sync: false, cleanup: false, inactivity: false }, ...options });
  await world.during(wa.start(), 0);
  const connection = world.connection('a');
  await world.during(wa.attach(connection).ready, 0);
  return { ...world, wa, events, connection };
}

describe('liveness', () => {
  it('sees a silent drop within 35 s at the defaults, heals once and says when it was last alive', async () => {
    const { clock, connection, row } = await started();
    const diedAt = clock.now().getTime();
    connection.script.goSilent();
    connection.script.onHeal('nothing');
    await clock.advance(19_000);
    expect((await row('a')).status).toBe('CONNECTED');
    await clock.advance(16_000);
    expect(await row('a')).toMatchObject({ status: 'RECONNECTING', reason: { code: 'silent' }, evidence: 'observed' });
    expect((await row('a')).lastSeenAt?.getTime()).toBe(diedAt);
    expect(connection.script.heals).toEqual(['silent']);
    await clock.advance(HOUR_MS);
    expect(connection.script.heals).toHaveLength(1);
  });

  it('F03: leaves a silent and healthy account alone for 12 hours', async () => {
    const { clock, connection, row, calls } = await started();
    const before = await row('a');
    calls.length = 0;
    for (let hour = 0; hour < 12; hour++) await clock.advance(HOUR_MS);
    expect(connection.script.heals).toEqual([]);
    expect(connection.script.probes).toBeGreaterThan(1_000);
    expect(await row('a')).toEqual(before);
    // Beside the beat only what is old is forgotten, once an hour: entries of the history, and requests.
    expect(calls.filter((name) => !['beat', 'addUnknown', 'prune'].includes(name))).toEqual([]);
    expect(calls.filter((name) => name === 'prune').length).toBeLessThanOrEqual(2 * 12);
  });

  it('judges at the first unanswered probe when forced, within one timeout', async () => {
    const { clock, connection, wa, row, during } = await started();
    await clock.advance(3_000);
    connection.script.goSilent();
    const report = await during(wa.forceSync(), 5_100);
    expect(report.sessions).toMatchObject([{ id: 'a', stored: 'CONNECTED', actual: 'RECONNECTING', action: 'healed' }]);
    expect((await row('a')).status).toBe('RECONNECTING');
    expect(connection.script.heals).toEqual(['silent']);
  });

  it('shares one probe among all who ask at once', async () => {
    const { connection, wa, during } = await started();
    connection.script.onProbe('answered', { afterMs: 100 });
    await during(Promise.all([wa.forceSync('a'), wa.forceSync(), wa.forceSync('a')]), 200);
    expect(connection.script.probes).toBe(1);
  });

  it('takes no suspended process for a dead link', async () => {
    const { clock, connection, row } = await started({ probe: { failures: 1 } });
    connection.script.onProbe('timeout');
    // The suspend falls into each probe's window: the wall clock ran on while this process did not.
    for (let second = 0; second < 60; second++) {
      await clock.advance(1_000);
      clock.jumpWallClock(5_000);
    }
    expect((await row('a')).status).toBe('CONNECTED');
    expect(connection.script.probes).toBeGreaterThan(1);
    await clock.advance(60_000);
    expect((await row('a')).status).toBe('RECONNECTING');
  });

  it('takes no suspended process for a dead link where its clock was set back while it slept', async () => {
    const { clock, connection, row } = await started({ probe: { failures: 1 } });
    connection.script.onProbe('timeout');
    for (let second = 0; second < 60; second++) {
      await clock.advance(1_000);
      clock.jumpWallClock(5_000 - 3_600_000);
    }
    expect((await row('a')).status).toBe('CONNECTED');
  });

  it('keeps the row where a probe throws, never settles or cannot be sent', async () => {
    for (const script of ['throws', 'never', 'unavailable'] as const) {
      const { clock, connection, row, logged } = await started();
      connection.script.onProbe(script);
      await clock.advance(120_000);
      expect((await row('a')).status, script).toBe('CONNECTED');
      expect(connection.script.heals, script).toEqual([]);
      if (script === 'throws') expect(logged.map((line) => line.fields.code)).toContain('probe_failed');
    }
  });

  it('keeps the row where the snapshot throws, is nonsense or does not know', async () => {
    const { clock, connection, row, wa, during } = await started();
    const seen = connection.snapshot;
    const nonsense = [
      () => {
        throw new Error('broken');
      },
      () => ({ ...seen(), status: 'FINE' }) as unknown as ReturnType<typeof seen>,
      () => undefined as unknown as ReturnType<typeof seen>,
      () => ({ kind: 'unknown', why: 'not_yet_seen' }) as const,
    ];
    for (const snapshot of nonsense) {
      connection.snapshot = snapshot;
      const report = await during(wa.syncNow('a'), 20_000);
      expect(report.totals).toMatchObject({ checked: 1, unknown: 1, corrected: 0 });
      await expect(wa.status('a')).rejects.toMatchObject({ code: 'status_unknown' });
    }
    await clock.advance(60_000);
    expect((await row('a')).status).toBe('CONNECTED');
  });

  it('believes a link again as soon as a frame arrives', async () => {
    const { clock, connection, row } = await started();
    connection.script.goSilent();
    connection.script.onHeal('nothing');
    await clock.advance(40_000);
    expect((await row('a')).status).toBe('RECONNECTING');
    connection.script.receiveFrame();
    await clock.advance(3_000);
    expect((await row('a')).status).toBe('CONNECTED');
  });

  it('returns status from the connection: at once on a fresh frame, by a probe on a silent one', async () => {
    const { clock, connection, wa, during } = await started();
    expect(await wa.status('a')).toMatchObject({ connected: true, askedOf: 'connection' });
    expect(connection.script.probes).toBe(0);
    connection.script.goSilent();
    connection.script.onHeal('nothing');
    await clock.advance(20_500);
    expect(await during(wa.status('a'), 11_000)).toMatchObject({ connected: false, status: 'RECONNECTING' });
    await expect(wa.status()).rejects.toMatchObject({ code: 'no_current_session' });
    await expect(wa.status('nobody')).rejects.toMatchObject({ code: 'session_not_found' });
  });
});
