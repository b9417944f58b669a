import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type LabelsOf, METRICS, type MetricName, type NameOf } from './metric-table.js';

/** From a sweep of a few sessions to a cleanup of many, in seconds. */
const DURATIONS = [0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

export type Meters = ReturnType<typeof createMeters>;

/** The metrics of the table in a registry, each under its own name. `read` runs before they are shown. */
export function createMeters(registry: Registry, read: () => Promise<void>) {
  const counters = new Map<MetricName, Counter>();
  const gauges = new Map<MetricName, Gauge>();
  const histograms = new Map<MetricName, Histogram>();

  for (const [name, { type, labels, help }] of Object.entries(METRICS) as [
    MetricName,
    (typeof METRICS)[MetricName],
  ][]) {
    // A registry collects its metrics at once and shares one reading; each waits for it, whichever comes first.
    const settings = { name, help, labelNames: [...labels], registers: [registry], collect: read };
    if (type === 'counter') counters.set(name, new Counter(settings));
    else if (type === 'gauge') gauges.set(name, new Gauge(settings));
    else histograms.set(name, new Histogram({ ...settings, buckets: DURATIONS }));
  }

  return {
    count<Name extends NameOf<'counter'>>(name: Name, labels: LabelsOf<Name>, by = 1): void {
      counters.get(name)?.inc(labels, by);
    },
    set<Name extends NameOf<'gauge'>>(name: Name, labels: LabelsOf<Name>, value: number): void {
      gauges.get(name)?.set(labels, value);
    },
    observe<Name extends NameOf<'histogram'>>(name: Name, labels: LabelsOf<Name>, value: number): void {
      histograms.get(name)?.observe(labels, value);
    },
    /** Forgets every value; a gauge without labels would be 0 then, so it is not shown at all. */
    reset(name: NameOf<'gauge'>): void {
      const gauge = gauges.get(name);
      gauge?.reset();
      if (METRICS[name].labels.length === 0) gauge?.remove();
    },
  };
}
