import type { JobName, WaSyncEventName, WaSyncEvents } from '@wa-sync/core';
import type { MetricsWaSync } from '../host/options.js';
import type { Meters } from './meters.js';

/** Counts every event in O(1); returns the way to stop. */
export function watchEvents(wa: Pick<MetricsWaSync, 'on'>, meters: Meters): () => void {
  const reasons = createBoundLabel();
  const running = new Map<JobName, number>();

  function ran(job: JobName, by: 1 | -1): void {
    // A job that began before we listened ends without having begun for us.
    const now = Math.max(0, (running.get(job) ?? 0) + by);
    running.set(job, now);
    meters.set('wa_sync_job_running', { job_name: job }, now);
  }

  const listeners: { [Name in WaSyncEventName]?: (payload: WaSyncEvents[Name]) => void } = {
    'session:changed'({ from, to, reason }) {
      // A row that changed its reason or health alone did not change its status.
      if (from === to) return;
      meters.count('wa_sync_session_changes_total', { from, to });
      if (to === 'RECONNECTING')
        meters.count('wa_sync_reconnects_total', { reason: reason ? reasons(reason.code) : 'none' });
    },
    'drift:corrected'({ stored, actual }) {
      meters.count('wa_sync_drift_corrected_total', { stored, actual });
    },
    'drift:foreign-write': () => meters.count('wa_sync_foreign_writes_total', {}),
    'mirror:blocked': () => meters.count('wa_sync_mirror_blocked_total', {}),
    'probe:ended': ({ answer, tookMs }) => meters.observe('wa_sync_probe_duration_seconds', { answer }, tookMs / 1_000),
    'ownership:gained': () => meters.count('wa_sync_ownership_gained_total', {}),
    'ownership:lost': ({ why }) => meters.count('wa_sync_ownership_lost_total', { why: reasons(why) }),
    'lease:lost'({ why }) {
      meters.count('wa_sync_lease_losses_total', { why });
      meters.set('wa_sync_lease_lost', {}, 1);
    },
    'lease:back': () => meters.set('wa_sync_lease_lost', {}, 0),
    'conversation:warned': () => meters.count('wa_sync_conversations_warned_total', {}),
    'conversation:closed'({ delivery }) {
      meters.count('wa_sync_conversations_closed_total', { delivery: delivery ?? 'none' });
    },
    'job:started': ({ job }) => ran(job, 1),
    'job:finished'({ job, tookMs, at }) {
      ran(job, -1);
      meters.count('wa_sync_job_runs_total', { job_name: job, outcome: 'finished' });
      meters.observe('wa_sync_job_duration_seconds', { job_name: job }, tookMs / 1_000);
      meters.set('wa_sync_job_last_success_timestamp_seconds', { job_name: job }, at.getTime() / 1_000);
    },
    'job:failed'({ job }) {
      ran(job, -1);
      meters.count('wa_sync_job_runs_total', { job_name: job, outcome: 'failed' });
    },
  };

  const stops = (Object.entries(listeners) as [WaSyncEventName, (payload: object) => void][]).map(([name, listener]) =>
    wa.on(name, listener),
  );
  return () => {
    for (const stop of stops) stop();
  };
}

/** Different values that one label may take; what comes after is `other`. */
const DIFFERENT = 50;

/**
 * Keeps a label small: a code as it is, anything else `other`. Codes come from adapters of anybody, and a label that
 * held an id or a number would grow without end and show whom the host talks to.
 */
function createBoundLabel(): (value: string) => string {
  const seen = new Set<string>();

  return (value) => {
    if (seen.has(value)) return value;
    const isCode = /^[a-z]\w{0,39}$/i.test(value) && !/\d{4}/.test(value);
    if (seen.size >= DIFFERENT || !isCode) return 'other';
    seen.add(value);
    return value;
  };
}
