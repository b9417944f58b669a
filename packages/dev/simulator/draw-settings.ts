/** What kind of world a seed is. */
import type { WaSyncOptions } from '@wa-sync/core';
import { createDraw, type Draw } from './draw.js';
import type { WorldSettings } from './history.js';

export type Profile = 'storm' | 'cleanup' | 'daylight';

export interface WorldPlan extends WorldSettings {
  readonly profile: Profile;
  readonly replicas: number;
  readonly attached: readonly string[];
  readonly provided: readonly string[];
  readonly options: Partial<WaSyncOptions>;
  /** Mean time between two faults. */
  readonly faultEveryMs: number;
  readonly faults: readonly FaultKind[];
  /** Days since the last proof of life of sessions that nobody uses, by id. */
  readonly forgotten: ReadonlyMap<string, number>;
  readonly conversations: number;
  readonly throwingListeners: boolean;
  /**
   * How fast the clocks of the replicas run: all as the store's, each at a rate of its own up to `apart` from it, or all
   * at one other rate, which is a store whose clock drifts.
   */
  readonly clocks: { readonly apart: number } | { readonly all: number };
  /** When all processes are down, and for how long. */
  readonly blackout: { readonly atMs: number; readonly ms: number } | null;
}

export const FAULT_KINDS = [
  'store_error_before',
  'store_error_after',
  'store_late',
  'store_slow',
  'write_late',
  'writes_locked',
  'beat_hangs',
  'store_twice',
  'partition',
  'outage',
  'rollback',
  'pause',
  'pause_before_call',
  'pause_at_answer',
  'suspend',
  'crash',
  'stop',
  'wall_clock_step',
  'silent_link',
  'silent_network',
  'link_closed',
  'opened_elsewhere',
  'logged_out',
  'foreign_write',
  'row_deleted',
  'row_locked',
  'probe_never',
  'probe_throws',
  'probe_slow',
  'snapshot_unknown',
  'snapshot_throws',
  'heal_fails',
  'send_fails',
  'degraded',
  'session_moved',
  'session_stopped',
  'mass_suspicion',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

const MINUTE_MS = 60_000;
/** The most by which the clocks of two hosts, or of a host and the store, may differ in their speed. */
const DRIFT = 0.05;
const HOUR_MS = 60 * MINUTE_MS;
/** Names that a store may take badly. */
const STRANGE = ['5511987654321', 'loja-é', '店-1', 'a'.repeat(120), '😀', 'toString'];
/**
 * Transitions of those zones: the instant, and the local time of a job inside the hour that comes twice or not at all.
 */
const TRANSITIONS: readonly { readonly zone: string; readonly at: string; readonly cron: string }[] = [
  { zone: 'America/New_York', at: '2025-11-02T06:00:00Z', cron: '30 1 * * *' },
  { zone: 'America/New_York', at: '2025-03-09T07:00:00Z', cron: '30 2 * * *' },
  { zone: 'Europe/Berlin', at: '2025-10-26T01:00:00Z', cron: '15 2 * * *' },
  { zone: 'Europe/Berlin', at: '2025-03-30T01:00:00Z', cron: '45 2 * * *' },
  { zone: 'Australia/Lord_Howe', at: '2025-04-05T15:00:00Z', cron: '45 1 * * *' },
  { zone: 'America/Santiago', at: '2025-04-06T03:00:00Z', cron: '30 23 * * *' },
];

/** Which faults come together; each world has at least five kinds. */
function drawFaults(draw: Draw, profile: Profile): FaultKind[] {
  const rare: readonly FaultKind[] = ['rollback', 'outage', 'silent_network'];
  const all = FAULT_KINDS.filter((kind) => !rare.includes(kind) || draw.chance(0.3));
  const many = profile === 'storm' ? draw.between(6, 18) : draw.between(5, 8);
  const chosen = draw.shuffle(all).slice(0, many);
  // A late write over a store that went back meets a version that was given out before.
  if (chosen.includes('rollback') && !chosen.includes('write_late')) chosen.push('write_late');
  return chosen;
}

function drawClocks(draw: Draw): WorldPlan['clocks'] {
  const chosen = draw.next();
  if (chosen < 0.4) return { all: 1 };
  return chosen < 0.55 ? { all: 1 + draw.pick([-1, 1]) * DRIFT } : { apart: DRIFT / 2 };
}

export function drawSettings(seed: number): WorldPlan {
  const draw = createDraw(seed, 'settings');
  const chosen = draw.next();
  const profile: Profile = chosen < 0.8 ? 'storm' : chosen < 0.92 ? 'cleanup' : 'daylight';
  const short = draw.chance(0.4);
  const lease = short ? { ttlMs: 15_000, tickMs: 4_000 } : { ttlMs: 30_000, tickMs: 5_000 };
  const probe = short ? { timeoutMs: 3_000, silenceMs: 14_000 } : { timeoutMs: 5_000, silenceMs: 20_000 };
  const count = draw.between(8, 12);
  const names = draw.shuffle([...STRANGE, ...Array.from({ length: 12 }, (_, index) => `s${index}`)]).slice(0, count);
  const share = draw.pick([0, 0.5, 0.5, 1]);
  const attached = names.slice(0, Math.round(count * share));
  const provided = names.slice(attached.length);
  const transition = draw.pick(TRANSITIONS);
  const timeZone = profile === 'daylight' ? transition.zone : 'UTC';
  // A fixed hour is costly to find, so only the worlds that are about it have one.
  const daily = profile === 'daylight' ? transition.cron : null;
  const faults = drawFaults(draw, profile);
  const calmMs = 170_000;
  const afterDays = draw.between(1, 5);
  // Where the days differ, nothing is deleted: the rest between the stages is longer than a world.
  const purgeAfterDays = afterDays + draw.pick([0, 0, 1, 5]);
  const forgotten = new Map<string, number>();
  if (profile === 'cleanup') {
    const old = draw.between(3, 6);
    for (let index = 0; index < old; index += 1) forgotten.set(`old${index}`, draw.between(0, purgeAfterDays + 3));
  }
  const inactiveAfterMs = draw.between(60, 100) * 1_000;
  const farewell = draw.chance(0.8) ? 'Até logo' : null;
  const warning = draw.chance(0.4) ? { text: 'Ainda está aí?', graceMs: 60_000 } : null;
  // A minute to twelve before the transition, so that the world's first slots fall around it.
  const startMs =
    profile === 'daylight'
      ? Date.parse(transition.at) - HOUR_MS + draw.between(0, 50) * MINUTE_MS + draw.between(0, 59_999)
      : Date.parse('2025-06-01T00:00:00Z') + draw.between(0, 200 * 24 * 60) * MINUTE_MS + draw.between(0, 59_999);
  const blackout =
    profile === 'daylight' ? { atMs: draw.between(60_000, 240_000), ms: draw.between(30, 75) * MINUTE_MS } : null;
  const active = { storm: draw.between(120, 240) * 1_000, cleanup: 13 * MINUTE_MS, daylight: 8 * MINUTE_MS };
  const activeMs = active[profile] + (blackout?.ms ?? 0);
  return {
    seed,
    profile,
    ...lease,
    probeTimeoutMs: probe.timeoutMs,
    silenceMs: probe.silenceMs,
    failures: 2,
    storeLimitMs: Math.floor(lease.ttlMs / 3),
    timeZone,
    daily,
    inactiveAfterMs,
    storeStartMs: startMs,
    afterDays,
    purgeAfterDays,
    calmFromMs: activeMs,
    endMs: activeMs + calmMs,
    rollbacks: faults.includes('rollback'),
    replicas: draw.between(2, 3),
    attached,
    provided,
    options: {
      timeZone,
      lease,
      probe,
      jobs: { sync: '* * * * *', cleanup: '*/2 * * * *', inactivity: daily ?? '* * * * *' },
      cleanup: { afterDays, purgeAfterDays, maxFraction: draw.pick([0.2, 0.5, 1]) },
      inactivity: { inactiveAfterMs, farewell, warning, sendsPerMinute: draw.pick([1, 6, 60]) },
    },
    faultEveryMs: profile === 'storm' ? draw.between(4_000, 12_000) : 30_000,
    faults,
    forgotten,
    conversations: draw.between(2, 6),
    throwingListeners: draw.chance(0.2),
    clocks: drawClocks(createDraw(seed, 'clocks')),
    blackout,
  };
}
