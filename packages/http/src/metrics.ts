export { createMetrics, type Metrics, type MetricsOptions } from './metrics/create-metrics.js';
export { METRICS, type MetricName } from './metrics/metric-table.js';
export type { MetricsWaSync } from './wa-sync-like.js';
