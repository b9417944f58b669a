export type { MetricsWaSync } from './host/options.js';
export { createMetrics, type Metrics, type MetricsOptions } from './metrics/create-metrics.js';
export { METRICS, type MetricName } from './metrics/metric-table.js';
