import type pg from 'pg';
import type { TestDatabase } from './start-postgres.js';

interface PlanNode {
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Join Filter'?: number;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly PlanNode[];
}

/**
 * Rows that the nodes of a plan gave on or threw away, over all its loops: what a statement did, whatever the
 * machine's mood.
 */
function rowsOf(node: PlanNode): number {
  const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Join Filter'] ?? 0);
  const own = node['Actual Loops'] * (node['Actual Rows'] + removed);
  return (node.Plans ?? []).reduce((sum, child) => sum + rowsOf(child), own);
}

/**
 * A pool of one connection that adds up what the plans of its statements really did, their triggers' too. `mode` is
 * Postgres' `plan_cache_mode`: a prepared statement gets its generic plan from the sixth call on, and one that is not
 * prepared never.
 */
export function explainedPool(
  database: TestDatabase,
  mode: 'force_generic_plan' | 'force_custom_plan',
): {
  pool: pg.Pool;
  rowsOf(run: () => Promise<unknown>): Promise<number>;
  /** Pages that the statements looked at. */
  blocksOf(run: () => Promise<unknown>): Promise<number>;
} {
  const settings = [
    `plan_cache_mode=${mode}`,
    'session_preload_libraries=auto_explain',
    'auto_explain.log_min_duration=0',
    'auto_explain.log_analyze=on',
    'auto_explain.log_timing=off',
    'auto_explain.log_buffers=on',
    'auto_explain.log_nested_statements=on',
    'auto_explain.log_format=json',
    'auto_explain.log_level=notice',
  ];
  const pool = database.connect({ max: 1, options: settings.map((setting) => `-c ${setting}`).join(' ') });
  let rows = 0;
  let blocks = 0;
  pool.on('connect', (client) => {
    client.on('notice', ({ message = '' }) => {
      const plan = message.indexOf('{');
      if (!message.startsWith('duration:')) return;
      const { Plan: root } = JSON.parse(message.slice(plan)) as { Plan: PlanNode };
      rows += rowsOf(root);
      // A node's blocks are with those of the nodes below it.
      blocks += root['Shared Hit Blocks'] + root['Shared Read Blocks'];
    });
  });
  return {
    pool,
    async rowsOf(run) {
      rows = 0;
      await run();
      return rows;
    },
    async blocksOf(run) {
      blocks = 0;
      await run();
      return blocks;
    },
  };
}
