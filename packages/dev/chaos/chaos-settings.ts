import type { WorldSettings } from '../simulator/index.js';
import type { ReplicaSettings } from './replica-settings.js';

export const TTL_MS = 6_000;
const TICK_MS = 1_000;
/**
 * Two ticks more than a lease is what a kill may take to be in the rows; here, where ticks are a fifth of the default,
 * as much more for a busy machine.
 */
const JUDGED_TICK_MS = 2_500;
/** From a kill to the rows, as the invariant L1 allows it, and a moment more. */
export const KILL_SEEN_MS = TTL_MS + 2 * JUDGED_TICK_MS + 1_000;
const PROBE = { silenceMs: 3_000, timeoutMs: 1_500, failures: 2 };

/** From a silence to the row that says so, as the invariant L7 allows it, and a moment more. */
export const SILENCE_SEEN_MS = PROBE.silenceMs + PROBE.failures * PROBE.timeoutMs + 4_500;

/** Shortened, so that a minute holds many leases, probes and sweeps. */
export const SHORTENED: Pick<ReplicaSettings, 'waSync' | 'provider'> = {
  waSync: {
    probe: PROBE,
    lease: { ttlMs: TTL_MS, tickMs: TICK_MS },
    jobs: { sync: '*/5 * * * * *', cleanup: false, inactivity: false },
  },
  provider: {
    backoff: { baseMs: 200, maxMs: 2_000 },
    attemptTimeoutMs: 4_000,
    handlersStalledAfterMs: 5_000,
    loginJitterMs: 200,
    socketConfig: { keepAliveIntervalMs: 2_000 },
  },
};

/** The same in the words of a history's settings. */
export function historySettings(params: {
  seed: number;
  startedAt: Date;
  calmFromMs: number;
  endMs: number;
}): WorldSettings {
  return {
    seed: params.seed,
    ttlMs: TTL_MS,
    tickMs: JUDGED_TICK_MS,
    probeTimeoutMs: PROBE.timeoutMs,
    silenceMs: PROBE.silenceMs,
    failures: PROBE.failures,
    storeLimitMs: TTL_MS / 3,
    timeZone: 'UTC',
    daily: null,
    inactiveAfterMs: 86_400_000,
    storeStartMs: params.startedAt.getTime(),
    afterDays: 30,
    purgeAfterDays: 60,
    calmFromMs: params.calmFromMs,
    endMs: params.endMs,
    rollbacks: false,
    // A call to the store that is given up, the pause after it, and what a busy machine adds.
    aftermathMs: 4_000,
  };
}
