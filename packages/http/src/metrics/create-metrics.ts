/**
 * The metrics of one replica. Events are counted as they come, each in O(1); what only the store knows is read when
 * somebody asks for the metrics, at most once in `readEveryMs`, and never by two at once.
 */
import { type Clock, systemClock, WaSyncError } from '@wa-sync/core';
import { parseOptions, withTimeout } from '@wa-sync/core/adapter';
import { Registry } from 'prom-client';
import * as z from 'zod/mini';
import type { MetricsWaSync } from '../host/options.js';
import { countSessions, createCountCleanups } from './count-rows.js';
import { createMeters } from './meters.js';
import { METRICS, type MetricName } from './metric-table.js';
import { watchEvents } from './watch-events.js';

/** What {@link createMetrics} takes; an unknown key is an error that names it. */
export interface MetricsOptions {
  /** The host's own registry. @defaultValue a new one, with nothing else in it */
  registry?: Registry | undefined;
  /**
   * How old the counts of sessions may be, in milliseconds: a reading is one page for each 1,000 sessions.
   * @defaultValue 30,000
   */
  readEveryMs?: number | undefined;
  /** @defaultValue the system's */
  clock?: Clock | undefined;
}

/** The metrics while they are kept. */
export interface Metrics {
  readonly registry: Registry;
  readonly contentType: string;
  /** All metrics of the registry in the text format of Prometheus. */
  text(): Promise<string>;
  /** Stops counting and takes the metrics out of the registry. */
  close(): void;
}

/** A scrape is given up after 10 s by default: it has to have an answer long before. */
const READ_WITHIN_MS = 3_000;

const READ_EVERY = 'takes milliseconds, a whole number from 0 to 3,600,000';
const schema = z.strictObject({
  registry: z.optional(
    z.custom<Registry>(
      (registry) => typeof (registry as Registry | null)?.registerMetric === 'function',
      'takes a Registry of prom-client',
    ),
  ),
  readEveryMs: z._default(z.int(READ_EVERY).check(z.gte(0, READ_EVERY), z.lte(3_600_000, READ_EVERY)), 30_000),
  clock: z._default(
    z.custom<Clock>((clock) => typeof (clock as Clock | null)?.schedule === 'function', 'takes a clock'),
    systemClock,
  ),
} satisfies { [Key in keyof MetricsOptions]-?: z.core.$ZodType<unknown, MetricsOptions[Key]> });

/**
 * Keeps metrics of a replica with `prom-client`.
 *
 * @throws WaSyncError `config_invalid` for a wrong option, and for a registry that has these metrics already
 * @example
 * const metrics = createMetrics(wa);
 * createHttpHandler(wa, { auth, metrics });   // GET /whatsapp/metrics
 */
export function createMetrics(wa: MetricsWaSync, options: MetricsOptions = {}): Metrics {
  const { registry = new Registry(), readEveryMs, clock } = parseOptions('createMetrics', schema, options);
  const names = Object.keys(METRICS) as MetricName[];
  const taken = names.find((name) => registry.getSingleMetric(name));
  if (taken) {
    throw new WaSyncError('config_invalid', `Option registry takes a registry that does not have ${taken} already`);
  }

  const meters = createMeters(registry, () => read());
  const countCleanups = createCountCleanups(wa.runs, (outcome, sessions) => {
    meters.count('wa_sync_cleanup_sessions_total', { outcome }, sessions);
  });
  const unwatch = watchEvents(wa, meters);
  let readAtMs: number | null = null;
  let reading: Promise<void> | null = null;

  /** What was true before must not be shown as if it were true now. */
  function forget(): void {
    meters.reset('wa_sync_sessions');
    meters.reset('wa_sync_sessions_expired');
    meters.reset('wa_sync_mirror_differs');
    meters.set('wa_sync_store_up', {}, 0);
  }

  async function readStore(): Promise<void> {
    readAtMs = clock.monotonicMs();
    try {
      const counts = await countSessions(wa.sessions);
      await countCleanups();
      meters.reset('wa_sync_sessions');
      for (const { status, health, sessions } of counts.byState) {
        meters.set('wa_sync_sessions', { status, health }, sessions);
      }
      meters.set('wa_sync_sessions_expired', {}, counts.expired);
      meters.set('wa_sync_mirror_differs', {}, counts.mirrorDiffers);
      meters.set('wa_sync_store_up', {}, 1);
    } catch {
      forget();
    }
  }

  /** A store that does not answer must not keep the other metrics from being read. */
  async function read(): Promise<void> {
    if (readAtMs !== null && !reading && clock.monotonicMs() - readAtMs < readEveryMs) return;
    reading ??= readStore().finally(() => {
      reading = null;
    });
    await withTimeout(clock, READ_WITHIN_MS, () => reading, { late: forget });
  }

  return {
    registry,
    contentType: registry.contentType,
    text: () => registry.metrics(),
    close() {
      unwatch();
      for (const name of names) registry.removeSingleMetric(name);
    },
  };
}
