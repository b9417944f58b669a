import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { METRICS, type MetricName } from '../src/metrics.js';

const docs = new URL('../../../docs/', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, docs), 'utf8');

/** A metric as it stands in an expression: a histogram has three names there. */
function metricOf(word: string): MetricName | null {
  const names = Object.keys(METRICS) as MetricName[];
  const histogram = word.replace(/_(bucket|sum|count)$/, '') as MetricName;
  if (histogram !== word && METRICS[histogram]?.type === 'histogram') return histogram;
  return names.find((name) => name === word && METRICS[name].type !== 'histogram') ?? null;
}

/** Names in an expression that no metric or label has. */
function strangersIn(expr: string): string[] {
  const words = [...expr.matchAll(/wa_sync_\w+/g)].map(([word]) => word);
  const labels = new Set(
    words.flatMap((word) => [...(METRICS[metricOf(word) ?? 'wa_sync_store_up'].labels as readonly string[])]),
  );
  if (/_bucket\b/.test(expr)) labels.add('le');
  const used = [
    ...[...expr.matchAll(/\{([^}]*)\}/g)].flatMap(([, inner = '']) => [...inner.matchAll(/(\w+)\s*[=!]~?/g)]),
  ].map(([, label = '']) => label);
  const grouped = [...expr.matchAll(/\b(?:by|without) \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/));
  return [
    ...words.filter((word) => metricOf(word) === null),
    ...[...used, ...grouped].filter((label) => !labels.has(label)),
  ];
}

const dashboard = JSON.parse(read('monitoring/grafana-dashboard.json')) as {
  panels: { title: string; targets: { expr: string; legendFormat: string }[] }[];
};
const panelExprs = dashboard.panels.flatMap(({ targets }) => targets);
const rules = read('monitoring/alerts.yaml');
const ruleExprs = [...rules.matchAll(/^ {8}expr: (.+)$/gm)].map(([, expr = '']) => expr);

describe('labels', () => {
  it('are none that a scrape sets itself and would rename to exported_…', () => {
    const taken = Object.entries(METRICS).filter(([, { labels }]) =>
      labels.some((label) => ['job', 'instance'].includes(label) || label.startsWith('__')),
    );
    expect(taken.map(([name]) => name)).toEqual([]);
  });
});

describe('docs/METRICS.md', () => {
  it('has every metric with its type, labels and meaning, and no other', () => {
    const rows = [...read('METRICS.md').matchAll(/^\| `(wa_sync_\w+)` *\| (\w+) *\| (.*?) *\| (.*?) *\|$/gm)];
    expect(rows.map(([, ...cells]) => cells)).toEqual(
      Object.entries(METRICS).map(([name, { type, labels, help }]) => [
        name,
        type,
        labels.map((label) => `\`${label}\``).join(', '),
        help,
      ]),
    );
  });
});

describe('docs/monitoring', () => {
  it.each(panelExprs)('the dashboard asks for what there is: $expr', ({ expr, legendFormat }) => {
    expect(strangersIn(expr)).toEqual([]);
    const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
    const grouped = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(/,\s*/) ?? [];
    expect(shown).toEqual(shown.filter((label) => grouped.includes(label ?? '')));
  });

  it('the dashboard shows every metric', () => {
    const shown = new Set(
      panelExprs.flatMap(({ expr }) => [...expr.matchAll(/wa_sync_\w+/g)].map(([word]) => metricOf(word))),
    );
    expect([...shown].sort()).toEqual(Object.keys(METRICS).sort());
  });

  it.each(ruleExprs)('an alert asks for what there is: %s', (expr) => {
    expect(strangersIn(expr)).toEqual([]);
    for (const [open, close] of ['()', '{}', '[]'].map((pair) => [...pair])) {
      expect(expr.split(open!).length).toBe(expr.split(close!).length);
    }
  });

  it('every alert has an expression, a summary and a fix', () => {
    const count = (pattern: RegExp) => [...rules.matchAll(pattern)].length;
    const alerts = count(/^ {6}- alert: \w+$/gm);
    expect(alerts).toBeGreaterThan(5);
    expect([ruleExprs.length, count(/^ {10}summary: /gm), count(/^ {10}fix: /gm)]).toEqual([alerts, alerts, alerts]);
  });

  it('finds strangers', () => {
    expect(strangersIn('sum by (nobody) (wa_sync_nothing{x="1"})')).toEqual(['wa_sync_nothing', 'x', 'nobody']);
    expect(strangersIn('wa_sync_job_duration_seconds')).toEqual(['wa_sync_job_duration_seconds']);
  });
});
