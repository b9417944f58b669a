/** Faults: each is begun at an instant drawn from the seed, on a victim drawn from the seed, and ends by itself. */
import type { SessionStatus } from '@wa-sync/core';
import type { Draw } from './draw.js';
import type { FaultKind } from './draw-settings.js';
import type { Line } from './line.js';
import type { Replica } from './replica.js';
import { NO_QUIRKS, type Quirks } from './sim-connection.js';
import { FAIR_WEATHER, type StoreWeather } from './store-client.js';
import type { EndCode } from './whatsapp.js';
import type { World } from './world.js';

const HOUR_MS = 3_600_000;
const CLOSES: readonly EndCode[] = ['connection_lost', 'restart_required', 'service_unavailable'];
const FOREIGN_WORDS: readonly SessionStatus[] = ['CONNECTED', 'DISCONNECTED', 'RECONNECTING', 'ERROR', 'QR_CODE'];
const PAUSED_CALLS = [
  null,
  null,
  'write',
  'beat',
  'claim',
  'beginSend',
  'begin',
  'move',
  'freeFenced',
  'fence',
  'release',
  'sweep',
];

export interface FaultInjector {
  inject(kind: FaultKind): void;
  /** Ends whatever is still wrong. */
  endAll(): void;
}

export function createFaultInjector(world: World, draw: Draw): FaultInjector {
  const { timeline, recorder, whatsapp, server, plan } = world;
  const running = new Set<() => void>();

  /** Runs `end` after a while, or when all faults end, once. */
  function until(ms: number, end: () => void): void {
    const once = (): void => {
      if (!running.delete(once)) return;
      cancel();
      end();
    };
    const cancel = timeline.after(ms, once);
    running.add(once);
  }

  function note(kind: FaultKind, target: string, met: string, detail?: string): void {
    world.hit(kind, met);
    recorder.note({ actor: 'world', what: 'fault', kind, target, met, ...(detail === undefined ? {} : { detail }) });
  }

  function statusOf(session: string): string {
    const row = server.rows().find(({ id }) => id === session);
    return row ? row.status : 'no_row';
  }

  function someReplica(): Replica | null {
    const replicas = world.replicas();
    return replicas.length > 0 ? draw.pick(replicas) : null;
  }

  function someLine(): Line | null {
    const lines = world.replicas().flatMap((replica) => [...replica.lines.values()].filter((line) => !line.stopped));
    return lines.length > 0 ? draw.pick(lines) : null;
  }

  function someSession(): string {
    return draw.pick([...plan.attached, ...plan.provided]);
  }

  /** Something on the way of one process to the store. */
  function weather(kind: FaultKind, change: Partial<StoreWeather>, ms: number): void {
    const replica = someReplica();
    if (!replica) return;
    const { process, client } = replica;
    note(kind, process.name, replica.phase, `${ms}`);
    recorder.note({ actor: process.name, what: 'impaired', by: kind, on: true });
    Object.assign(client.weather, change);
    until(ms, () => {
      for (const key of Object.keys(change) as (keyof StoreWeather)[])
        Object.assign(client.weather, { [key]: FAIR_WEATHER[key] });
      if ('cut' in change) client.flush();
      recorder.note({ actor: process.name, what: 'impaired', by: kind, on: false });
    });
  }

  function pauseAt(kind: FaultKind, moment: 'before_call' | 'at_answer'): void {
    const replica = someReplica();
    if (!replica) return;
    const method = draw.pick(PAUSED_CALLS);
    note(kind, replica.process.name, replica.phase, method ?? 'any');
    replica.client.weather.pauseAt = { moment, ms: pauseMs(), method };
    until(30_000, () => {
      replica.client.weather.pauseAt = null;
    });
  }

  const pauseMs = (): number =>
    draw.pick([draw.between(100, 3_000), draw.between(3_000, 20_000), draw.between(20_000, 90_000)]);

  function quirk(kind: FaultKind, change: Partial<Quirks>): void {
    const line = someLine();
    if (!line) return;
    note(kind, line.session, statusOf(line.session));
    Object.assign(line.quirks, change);
    until(draw.between(3_000, 40_000), () => {
      for (const key of Object.keys(change) as (keyof Quirks)[]) Object.assign(line.quirks, { [key]: NO_QUIRKS[key] });
    });
  }

  function onLink(kind: FaultKind, act: (session: string) => boolean, detail?: string): void {
    const session = someSession();
    const met = statusOf(session);
    if (act(session)) note(kind, session, met, detail);
  }

  function comeBack(replicaId: string): void {
    const name = draw.chance(0.7) ? replicaId : `${replicaId}x`;
    if (name !== replicaId)
      for (const session of plan.attached) if (world.homeOf(session) === replicaId) world.move(session, name);
    const afterMs = draw.pick([draw.between(50, 2_000), draw.between(2_000, 15_000), draw.between(15_000, 70_000)]);
    until(afterMs, () => {
      if (world.supervise) world.boot(name);
    });
  }

  function pairLater(session: string): void {
    until(draw.between(5_000, 60_000), () => {
      const lines = world.replicas().flatMap((replica) => [...replica.lines.values()]);
      const line = lines.find((one) => one.session === session && !one.stopped);
      if (line) line.pair();
    });
  }

  const effects: Readonly<Record<FaultKind, () => void>> = {
    store_error_before: () => weather('store_error_before', { errorBefore: 0.4 }, draw.between(2_000, 20_000)),
    store_error_after: () => weather('store_error_after', { errorAfter: 0.4 }, draw.between(2_000, 20_000)),
    store_late: () => weather('store_late', { lateRequest: 0.25, lateAnswer: 0.15 }, draw.between(2_000, 20_000)),
    store_twice: () => weather('store_twice', { twice: 0.7 }, draw.between(5_000, 60_000)),
    partition: () => weather('partition', { cut: draw.pick(['refuse', 'hang']) }, draw.between(3_000, 90_000)),
    outage() {
      const ms = draw.between(5_000, 90_000);
      note('outage', 'store', `${world.replicas().length}_replicas`, `${ms}`);
      world.outage(draw.pick(['refuse', 'hang']));
      until(ms, () => world.outage(null));
    },
    rollback() {
      const writes = draw.between(1, 6);
      note('rollback', 'store', `${world.replicas().length}_replicas`, `${writes}`);
      void server.rollback(writes);
    },
    pause() {
      const replica = someReplica();
      if (!replica) return;
      note('pause', replica.process.name, replica.phase);
      replica.process.pause(pauseMs());
      until(90_000, () => replica.process.resume());
    },
    pause_before_call: () => pauseAt('pause_before_call', 'before_call'),
    pause_at_answer: () => pauseAt('pause_at_answer', 'at_answer'),
    suspend() {
      const replica = someReplica();
      if (!replica) return;
      note('suspend', replica.process.name, replica.phase);
      replica.process.pause(pauseMs(), { suspend: true });
      until(90_000, () => replica.process.resume());
    },
    crash() {
      const replica = someReplica();
      if (!replica) return;
      note('crash', replica.process.name, replica.phase);
      replica.crash();
      const { incarnation } = replica;
      if (incarnation) timeline.after(plan.ttlMs + 1_000, () => world.noteTruth('after-crash', incarnation));
      comeBack(replica.process.replicaId);
    },
    stop() {
      const replica = someReplica();
      if (replica?.phase !== 'running' || replica.process.state !== 'running') return;
      note('stop', replica.process.name, replica.phase);
      void replica.stop().then(() => world.noteTruth('after-stop', replica.incarnation ?? undefined));
      comeBack(replica.process.replicaId);
    },
    wall_clock_step() {
      const replica = someReplica();
      if (!replica) return;
      const byMs = draw.pick([-HOUR_MS, HOUR_MS, -HOUR_MS, HOUR_MS, -30_000, 30_000]);
      note('wall_clock_step', replica.process.name, replica.phase, `${byMs}`);
      replica.process.stepWallClock(byMs);
    },
    silent_link: () => onLink('silent_link', whatsapp.goSilent),
    silent_network() {
      const replica = someReplica();
      if (!replica) return;
      note('silent_network', replica.process.name, replica.phase);
      for (const line of replica.lines.values()) whatsapp.goSilent(line.session);
    },
    link_closed() {
      const code = draw.pick(CLOSES);
      onLink('link_closed', (session) => whatsapp.endByServer(session, code), code);
    },
    opened_elsewhere: () => onLink('opened_elsewhere', whatsapp.openElsewhere),
    logged_out: () =>
      onLink('logged_out', (session) => {
        whatsapp.logOut(session);
        pairLater(session);
        return true;
      }),
    foreign_write() {
      const session = someSession();
      const met = statusOf(session);
      const status = draw.pick(FOREIGN_WORDS);
      const set = {
        status,
        health: 'healthy',
        reason: { code: 'foreign' },
        reconnectAttempt: 0,
        phone: null,
        qr: null,
      } as const;
      void server.foreignWrite(session, { ...set, seenAgoMs: null }).then((done) => {
        if (done) note('foreign_write', session, met, status);
      });
    },
    row_deleted() {
      const session = someSession();
      const met = statusOf(session);
      world.exempt(session, 'deleted');
      void server.foreignDelete(session).then((done) => {
        if (done) note('row_deleted', session, met);
      });
    },
    probe_never: () => quirk('probe_never', { probe: 'never' }),
    probe_throws: () => quirk('probe_throws', { probe: 'throws' }),
    probe_slow: () => quirk('probe_slow', { probe: 'slow' }),
    snapshot_unknown: () => quirk('snapshot_unknown', { snapshot: 'unknown' }),
    snapshot_throws: () => quirk('snapshot_throws', { snapshot: 'throws' }),
    heal_fails: () => quirk('heal_fails', { heal: draw.pick(['nothing', 'throws']) }),
    degraded() {
      const line = someLine();
      if (!line) return;
      note('degraded', line.session, statusOf(line.session));
      line.setHealth('degraded');
      until(draw.between(5_000, 60_000), () => line.setHealth('healthy'));
    },
    session_moved() {
      const session = plan.attached.length > 0 ? draw.pick(plan.attached) : null;
      const target = someReplica();
      if (!session || !target || world.homeOf(session) === target.process.replicaId) return;
      note('session_moved', session, statusOf(session), target.process.name);
      const old = world.replicas().find((replica) => replica.process.replicaId === world.homeOf(session));
      world.move(session, target.process.replicaId);
      target.process.deliver(() => target.attach(session));
      // The host takes the old one down at once, later, or forgets to.
      const line = old?.lines.get(session);
      if (line && draw.chance(0.7)) until(draw.between(0, 20_000), () => line.process.deliver(() => line.stop()));
    },
    session_stopped() {
      const session = plan.provided.length > 0 ? draw.pick(plan.provided) : null;
      const replica = someReplica();
      if (!session || replica?.phase !== 'running') return;
      note('session_stopped', session, statusOf(session));
      const wish = (desired: 'running' | 'stopped'): void => {
        const via = world.replicas().find((one) => one.phase === 'running');
        via?.process.deliver(() => {
          const call = desired === 'running' ? via.wa.sessions.start(session) : via.wa.sessions.stop(session);
          call.catch(() => {});
        });
      };
      wish('stopped');
      until(draw.between(5_000, 60_000), () => wish('running'));
    },
    mass_suspicion() {
      const replica = someReplica();
      if (!replica) return;
      note('mass_suspicion', replica.process.name, replica.phase);
      replica.client.suspect(true);
      until(draw.between(20_000, 120_000), () => replica.client.suspect(false));
    },
  };

  return {
    inject: (kind) => effects[kind](),
    endAll() {
      for (const end of [...running]) end();
    },
  };
}
