import { type WaSync, WaSyncError, type WaSyncEventName, type WaSyncEvents } from '@wa-sync/core';
import { createManualClock } from '@wa-sync/testing';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttpHandler, toNodeHandler } from '../src/index.js';
import { createMetrics, METRICS, type MetricsOptions, type MetricsWaSync } from '../src/metrics.js';
import { listen } from './listen.js';
import { startWorld, TOKEN, type World } from './start-world.js';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

/** A replica of which a test says what it publishes; its sessions and runs are the world's. */
function createSource(more: Partial<MetricsWaSync> = {}) {
  const listeners = new Map<string, Set<(payload: never) => unknown>>();
  const wa: MetricsWaSync = {
    sessions: world.wa.sessions,
    runs: world.wa.runs,
    on(name, listener) {
      const those = listeners.get(name) ?? new Set();
      listeners.set(name, those.add(listener as (payload: never) => unknown));
      return () => those.delete(listener as (payload: never) => unknown);
    },
    ...more,
  };
  function emit<Name extends WaSyncEventName>(name: Name, payload: Omit<WaSyncEvents[Name], 'at'>, at = new Date(0)) {
    for (const listener of listeners.get(name) ?? []) listener({ at, ...payload } as never);
  }
  return { wa, emit, listeners: () => [...listeners.values()].reduce((sum, { size }) => sum + size, 0) };
}

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('createMetrics', () => {
  it('counts what happens on a real replica, and what its store says', async () => {
    const metrics = createMetrics(world.wa, { readEveryMs: 0 });
    const { id, connection } = await world.addSession();
    await world.wa.runJob('sync');
    const before = linesOf(await metrics.text());
    connection.script.close('lost');
    await world.wa.syncNow(id);
    connection.script.open();
    await world.wa.syncNow(id);
    await world.wa.checkInactiveConversations();
    await world.wa.forceSync(id);
    const after = linesOf(await metrics.text());
    metrics.close();
    expect(before).toContain('wa_sync_sessions{status="CONNECTED",health="healthy"} 2');
    expect(before).toContain('wa_sync_job_runs_total{job_name="sync",outcome="finished"} 1');
    expect(before).toContain('wa_sync_job_duration_seconds_count{job_name="sync"} 1');
    expect(before).toContain('wa_sync_job_running{job_name="sync"} 0');
    expect(before).toContain('wa_sync_store_up 1');
    expect(after).toContain('wa_sync_session_changes_total{from="CONNECTED",to="RECONNECTING"} 1');
    expect(after).toContain('wa_sync_session_changes_total{from="RECONNECTING",to="CONNECTED"} 1');
    expect(after).toContain('wa_sync_reconnects_total{reason="lost"} 1');
    expect(after).toContain('wa_sync_probe_duration_seconds_count{answer="answered"} 1');
    expect(after).toContain('wa_sync_job_runs_total{job_name="inactivity",outcome="finished"} 1');
  });

  it('counts every event by its own metric, once', async () => {
    const { wa, emit, listeners } = createSource();
    const metrics = createMetrics(wa);
    const sessionId = 's';
    const changed = { sessionId, health: 'healthy', evidence: 'observed' } as const;
    emit('session:changed', { ...changed, from: 'CONNECTED', to: 'RECONNECTING', reason: null });
    emit('session:changed', { ...changed, from: 'CONNECTED', to: 'CONNECTED', reason: { code: 'handlers_stalled' } });
    emit('drift:corrected', { sessionId, stored: 'CONNECTED', actual: 'ERROR', reason: null });
    emit('drift:foreign-write', { sessionId, word: 'X', actual: 'CONNECTED' });
    emit('mirror:blocked', { sessionId, cause: 'missing' });
    emit('probe:ended', { sessionId, answer: 'answered', tookMs: 80 });
    emit('probe:ended', { sessionId, answer: 'timeout', tookMs: 5_000 });
    emit('ownership:gained', { sessionId });
    emit('ownership:lost', { sessionId, why: 'taken_over' });
    emit('lease:lost', { why: 'fenced' });
    emit('conversation:warned', { sessionId, conversationId: 'c' });
    emit('conversation:closed', { sessionId, conversationId: 'c', delivery: 'sent' });
    emit('conversation:closed', { sessionId, conversationId: 'd', delivery: null });
    emit('job:started', { job: 'sync', slot: null });
    emit('job:started', { job: 'cleanup', slot: null });
    emit('job:finished', { job: 'cleanup', slot: null, tookMs: 400 }, new Date(5_000));
    emit('job:failed', { job: 'inactivity', slot: null, error: 'x' });
    const lines = linesOf(await metrics.text());
    expect(lines).toEqual(
      expect.arrayContaining([
        'wa_sync_session_changes_total{from="CONNECTED",to="RECONNECTING"} 1',
        'wa_sync_reconnects_total{reason="none"} 1',
        'wa_sync_drift_corrected_total{stored="CONNECTED",actual="ERROR"} 1',
        'wa_sync_foreign_writes_total 1',
        'wa_sync_mirror_blocked_total 1',
        'wa_sync_probe_duration_seconds_bucket{le="0.1",answer="answered"} 1',
        'wa_sync_probe_duration_seconds_bucket{le="0.02",answer="answered"} 0',
        'wa_sync_probe_duration_seconds_count{answer="timeout"} 1',
        'wa_sync_ownership_gained_total 1',
        'wa_sync_ownership_lost_total{why="taken_over"} 1',
        'wa_sync_lease_losses_total{why="fenced"} 1',
        'wa_sync_lease_lost 1',
        'wa_sync_conversations_warned_total 1',
        'wa_sync_conversations_closed_total{delivery="sent"} 1',
        'wa_sync_conversations_closed_total{delivery="none"} 1',
        'wa_sync_job_running{job_name="sync"} 1',
        'wa_sync_job_running{job_name="cleanup"} 0',
        'wa_sync_job_running{job_name="inactivity"} 0',
        'wa_sync_job_duration_seconds_bucket{le="0.5",job_name="cleanup"} 1',
        'wa_sync_job_duration_seconds_bucket{le="0.1",job_name="cleanup"} 0',
        'wa_sync_job_last_success_timestamp_seconds{job_name="cleanup"} 5',
        'wa_sync_job_runs_total{job_name="inactivity",outcome="failed"} 1',
      ]),
    );
    expect(lines.filter((line) => line.startsWith('wa_sync_session_changes_total'))).toHaveLength(1);
    emit('lease:back', {});
    expect(linesOf(await metrics.text())).toContain('wa_sync_lease_lost 0');
    metrics.close();
    expect(listeners()).toBe(0);
    expect(await metrics.text()).not.toContain('wa_sync');
  });

  it('exposes exactly the metrics of the table', async () => {
    const { wa } = createSource();
    const metrics = createMetrics(wa);
    const text = await metrics.text();
    const exposed = [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$/gm)].map(([, ...parts]) => parts);
    expect(exposed).toEqual(Object.entries(METRICS).map(([name, { help, type }]) => [name, help, type]));
    metrics.close();
  });

  it('lets no id and no number into a label, and no label grow', async () => {
    const { wa, emit } = createSource();
    const metrics = createMetrics(wa);
    const lost = (why: string) => emit('ownership:lost', { sessionId: 's', why });
    for (const why of ['5511912345678', 'code_5511912345678', 'said: "no"', 'x'.repeat(41), '']) lost(why);
    lost('close_440');
    for (let at = 0; at < 500; at += 1) lost(`why_${String.fromCharCode(97 + (at % 26))}_${Math.floor(at / 26)}`);
    const lines = linesOf(await metrics.text()).filter((line) => line.startsWith('wa_sync_ownership_lost_total'));
    metrics.close();
    expect(lines).toHaveLength(51);
    expect(lines).toContain('wa_sync_ownership_lost_total{why="close_440"} 1');
    expect(lines).toContain(`wa_sync_ownership_lost_total{why="other"} ${5 + 500 - 49}`);
    expect(lines.join()).not.toContain('5511');
  });

  it('adds up the cleanups that end after the first reading, each once', async () => {
    const runs: Awaited<ReturnType<WaSync['runs']['list']>>['runs'] = [];
    const end = (id: string, counts: Record<string, number>, outcome: 'finished' | 'running' = 'finished') =>
      runs.unshift({
        id,
        job: 'cleanup',
        slot: null,
        owner: 'o',
        outcome,
        startedAt: new Date(),
        endedAt: new Date(),
        counts,
        error: null,
      });
    const { wa } = createSource({
      runs: { list: async () => ({ runs: [...runs], next: null }), get: async () => null },
    });
    const metrics = createMetrics(wa, { readEveryMs: 0 });
    const cleaned = async () => linesOf(await metrics.text()).filter((line) => line.startsWith('wa_sync_cleanup'));
    end('before', { deactivated: 9 });
    expect(await cleaned()).toEqual([]);
    end('one', { sessions: 10, deactivated: 2, purged: 1, cameBack: 1, failed: 0, left: 3 });
    end('two', { deactivated: 7 }, 'running');
    expect(await cleaned()).toHaveLength(3);
    expect(await cleaned()).toEqual([
      'wa_sync_cleanup_sessions_total{outcome="deactivated"} 2',
      'wa_sync_cleanup_sessions_total{outcome="purged"} 1',
      'wa_sync_cleanup_sessions_total{outcome="came_back"} 1',
    ]);
    metrics.close();
  });

  it('reads the store once for all who ask, and again when the reading is old', async () => {
    let reads = 0;
    const clock = createManualClock();
    const list: MetricsWaSync['sessions']['list'] = (params) => {
      reads += 1;
      return world.wa.sessions.list({ ...params, limit: 1_000 });
    };
    const { wa } = createSource({ sessions: { list } });
    const metrics = createMetrics(wa, { clock });
    await Promise.all([metrics.text(), metrics.text(), metrics.text()]);
    expect(reads).toBe(1);
    await clock.advance(29_999);
    await metrics.text();
    expect(reads).toBe(1);
    await clock.advance(1);
    await metrics.text();
    expect(reads).toBe(2);
    expect(clock.pendingTimers).toBe(0);
    metrics.close();
  });

  it('counts every page, and what is expired or differs from the host’s row', async () => {
    const [row] = (await world.wa.sessions.list({ limit: 1 })).sessions;
    const effective = { status: 'DISCONNECTED', evidence: 'expired' } as const;
    const pages = [
      { sessions: [row!, { ...row!, effective, mirror: { state: 'differs', word: 'X' } as const }], next: 'b' },
      { sessions: [{ ...row!, health: 'degraded', mirror: { state: 'missing', word: null } } as const], next: null },
    ];
    const seen: unknown[] = [];
    const list = async (params: object = {}) => {
      seen.push(params);
      return pages[seen.length - 1]!;
    };
    const { wa } = createSource({ sessions: { list } });
    const metrics = createMetrics(wa);
    const lines = linesOf(await metrics.text());
    metrics.close();
    expect(seen).toEqual([{ limit: 1_000 }, { after: 'b', limit: 1_000 }]);
    expect(lines).toEqual(
      expect.arrayContaining([
        'wa_sync_sessions{status="CONNECTED",health="healthy"} 1',
        'wa_sync_sessions{status="DISCONNECTED",health="healthy"} 1',
        'wa_sync_sessions{status="CONNECTED",health="degraded"} 1',
        'wa_sync_sessions_expired 1',
        'wa_sync_mirror_differs 2',
      ]),
    );
  });

  it('shows no counts of a store that is down, or that does not answer, and all the rest', async () => {
    const clock = createManualClock();
    let answer: () => ReturnType<MetricsWaSync['sessions']['list']> = () => world.wa.sessions.list({ limit: 1_000 });
    const { wa, emit } = createSource({ sessions: { list: () => answer() } });
    const metrics = createMetrics(wa, { clock, readEveryMs: 0 });
    emit('ownership:gained', { sessionId: 's' });
    expect(linesOf(await metrics.text())).toContain('wa_sync_store_up 1');
    const down = (lines: string[]) => {
      expect(lines).toContain('wa_sync_store_up 0');
      expect(lines).toContain('wa_sync_ownership_gained_total 1');
      expect(lines.filter((line) => /^wa_sync_(sessions|mirror_differs)/.test(line))).toEqual([]);
    };
    answer = () => Promise.reject(new WaSyncError('store_unreachable', 'no'));
    down(linesOf(await metrics.text()));
    answer = () => new Promise(() => {});
    const late = metrics.text();
    await clock.settle();
    await clock.advance(3_000);
    down(linesOf(await late));
    metrics.close();
  });

  it('lives beside the host’s own metrics, and is refused twice in one registry', async () => {
    const registry = new Registry();
    const metrics = createMetrics(world.wa, { registry });
    expect(() => createMetrics(world.wa, { registry })).toThrow(
      /registry takes a registry that does not have wa_sync_/,
    );
    expect(await registry.metrics()).toContain('wa_sync_store_up 1');
    metrics.close();
    createMetrics(world.wa, { registry }).close();
    for (const [wrong, words] of [
      [{ register: registry }, /Unknown option register/],
      [{ registry: {} }, /Option registry takes a Registry/],
      [{ readEveryMs: 0.5 }, /Option readEveryMs takes milliseconds/],
    ] as const) {
      expect(() => createMetrics(world.wa, wrong as unknown as MetricsOptions)).toThrow(words);
    }
  });
});

describe('GET /metrics', () => {
  it('serves them to a token, and is not there without them', async () => {
    const metrics = createMetrics(world.wa);
    const auth = { tokens: [TOKEN] };
    const server = await listen(toNodeHandler(createHttpHandler(world.wa, { auth, metrics })));
    const without = await listen(toNodeHandler(createHttpHandler(world.wa, { auth })));
    try {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const response = await fetch(`${server.origin}/whatsapp/metrics`, { headers });
      expect([response.status, response.headers.get('content-type')]).toEqual([200, metrics.contentType]);
      expect(await response.text()).toContain('wa_sync_sessions{');
      expect((await fetch(`${server.origin}/whatsapp/metrics`)).status).toBe(401);
      expect((await fetch(`${without.origin}/whatsapp/metrics`, { headers })).status).toBe(404);
    } finally {
      metrics.close();
      await server.close();
      await without.close();
    }
  });
});
