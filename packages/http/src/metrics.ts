export { createMetrics, type Metrics, type MetricsOptions, type MetricsWaSync } from './metrics/create-metrics.js';
export { METRICS, type MetricName } from './metrics/metric-table.js';
