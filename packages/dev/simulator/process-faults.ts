/** Faults of processes, of their clocks, and of their way to the store. */

import type { FaultKind } from './draw-settings.js';
import type { FaultContext, FaultEffects } from './fault-context.js';
import type { StoreMethod } from './history.js';
import type { Replica } from './replica.js';
import { FAIR_WEATHER, type StoreWeather } from './store-client.js';

const HOUR_MS = 3_600_000;
const PAUSED_CALLS: readonly (StoreMethod | null)[] = [
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

export function processFaults(context: FaultContext): FaultEffects {
  const { world, draw, until, note, someReplica } = context;
  const { timeline, recorder, server, whatsapp, plan } = world;

  const hungAtMs = new WeakMap<Replica, number>();

  /** Something on the way of one process to the store. */
  function weather(
    kind: FaultKind,
    change: Partial<StoreWeather>,
    ms: number,
    replica: Replica | null = someReplica(),
  ): Replica | null {
    if (!replica) return null;
    const { process, client } = replica;
    note(kind, process.name, replica.phase, `${ms}`);
    recorder.note({ actor: process.name, what: 'impaired', by: kind, on: true });
    Object.assign(client.weather, change);
    until(ms, () => {
      for (const key of Object.keys(change) as (keyof StoreWeather)[])
        Object.assign(client.weather, { [key]: FAIR_WEATHER[key] });
      if ('cut' in change || 'lockedWrites' in change) client.flush();
      recorder.note({ actor: process.name, what: 'impaired', by: kind, on: false });
    });
    return replica;
  }

  /** There is something to write, now. */
  function endOpenLink(replica: Replica | null): void {
    const open = [...(replica?.lines.values() ?? [])].filter(
      ({ session }) => whatsapp.linkOf(session)?.state === 'open',
    );
    if (open.length > 0) whatsapp.endByServer(draw.pick(open).session, 'restart_required');
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

  function comeBack(replicaId: string): void {
    const name = draw.chance(0.7) ? replicaId : `${replicaId}x`;
    if (name !== replicaId)
      for (const session of plan.attached) if (world.homeOf(session) === replicaId) world.move(session, name);
    const afterMs = draw.pick([draw.between(50, 2_000), draw.between(2_000, 15_000), draw.between(15_000, 70_000)]);
    // Where the power is off by then it comes back with the power.
    const boot = (): void => {
      if (world.supervise) world.boot(name);
      else timeline.after(5_000, boot);
    };
    until(afterMs, boot);
  }

  return {
    store_error_before: () => void weather('store_error_before', { errorBefore: 0.4 }, draw.between(2_000, 20_000)),
    store_error_after: () => void weather('store_error_after', { errorAfter: 0.4 }, draw.between(2_000, 20_000)),
    store_late: () => void weather('store_late', { lateRequest: 0.25, lateAnswer: 0.15 }, draw.between(2_000, 20_000)),
    store_slow() {
      // Below every limit on a call, as a database is that everybody waits for.
      const ms = draw.between(0.1 * plan.ttlMs, 0.235 * plan.ttlMs);
      const side = draw.pick(['before', 'after', 'changing'] as const);
      weather('store_slow', { slow: { ms, side } }, draw.between(10_000, 150_000));
    },
    beat_hangs() {
      const replica = someReplica();
      // Another one within the lease may take it.
      if (!replica || timeline.nowMs() - (hungAtMs.get(replica) ?? Number.NEGATIVE_INFINITY) < 2 * plan.ttlMs) return;
      hungAtMs.set(replica, timeline.nowMs());
      const { ttlMs, tickMs } = plan;
      const ms = draw.pick([
        draw.between(ttlMs / 6, ttlMs / 3),
        draw.between(ttlMs / 3, ttlMs),
        draw.between(ttlMs, 2 * ttlMs),
        Number.POSITIVE_INFINITY,
      ]);
      weather('beat_hangs', { hang: { ms, side: draw.pick(['before', 'after']) } }, 2 * tickMs, replica);
      until(tickMs + 500, () => endOpenLink(replica));
    },
    writes_locked() {
      endOpenLink(weather('writes_locked', { lockedWrites: true }, draw.between(20_000, 90_000)));
    },
    write_late() {
      // A link that falls and is back before its fall could be written.
      endOpenLink(weather('write_late', { lateWrites: true }, draw.between(1_000, 6_000)));
    },
    store_twice: () => void weather('store_twice', { twice: 0.7 }, draw.between(5_000, 60_000)),
    partition: () => void weather('partition', { cut: draw.pick(['refuse', 'hang']) }, draw.between(3_000, 90_000)),
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
    mass_suspicion() {
      const replica = someReplica();
      if (!replica) return;
      note('mass_suspicion', replica.process.name, replica.phase);
      replica.client.suspect(true);
      until(draw.between(20_000, 120_000), () => replica.client.suspect(false));
    },
  };
}
