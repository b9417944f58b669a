import { createHash } from 'node:crypto';
import { WaSyncError } from '@wa-sync/core';
import { markUnderWay } from '@wa-sync/core/adapter';
import { borrowClient } from './borrow-client.js';
import { cancelStatement } from './cancel-statement.js';
import { type PgClientLike, type PgPoolLike, type PgRows, poolTarget } from './pg-pool.js';
import { connectionSurvives, sqlState, translateError } from './translate-error.js';

/** One SQL text and the name it is prepared under. */
export interface Statement {
  readonly text: string;
  readonly name: string;
}

/** Limits of one statement, in milliseconds. */
export interface TimeLimits {
  statementMs: number;
  lockMs: number;
}

/** Runs single autocommit statements on the caller's pool. */
export interface StatementRunner {
  /** What the waits of statements are cut to; changed when a replica joins with a short lease. */
  readonly limits: TimeLimits;
  /** Runs a statement and returns its rows. Errors are the driver's own; a time limit is a `WaSyncError`. */
  rows(statement: Statement, values: readonly unknown[], limitMs?: number): Promise<PgRows['rows']>;
  /** Runs a statement that returns one JSON text in one row. */
  json<T>(statement: Statement, values: readonly unknown[]): Promise<T>;
  /** Any error as a `WaSyncError` that names the host. */
  translate(error: unknown): WaSyncError;
}

/** Deadlock and serialization failure: nothing was committed, and the same again may succeed. */
const PASSING_CONFLICTS = new Set(['40P01', '40001']);
/** A pooler gave us a server connection that does not know our prepared statement, or knows it already. */
const PREPARED_LOST = new Set(['26000', '42P05']);
/**
 * Every column that is read is a text, and is asked for as the server wrote it: a host may have set parsers of its
 * own, for one pool or for all (`pg.types.setTypeParser`), or asked for binary results.
 */
const AS_WRITTEN = { getTypeParser: () => String };
/** The same for PGlite, which takes it as a third parameter; 25 is the type `text`. */
const AS_WRITTEN_IN_PGLITE = { rowMode: 'object', parsers: { 25: String } };
const CONFLICT_RETRIES = 3;
const MOST_ABANDONED = 100;
const GIVEN_UP = new Error('statement given up');

/** Makes a statement; its name follows from its text, so that two schemas never share one on a pooler's connection. */
export function statement(text: string): Statement {
  return { text, name: `wa_sync_${createHash('sha256').update(text).digest('hex').slice(0, 24)}` };
}

/**
 * Runs statements one by one. Owns the count of statements that were given up and never answered, and whether prepared
 * statements are still used; nothing else lives here.
 */
export function createStatementRunner(options: {
  pool: PgPoolLike;
  prepare: boolean;
  /** Read for each statement, so that runners can share what a join cuts them to. */
  limits: TimeLimits;
}): StatementRunner {
  const { pool, limits } = options;
  const target = poolTarget(pool);
  let prepare = options.prepare;
  let abandoned = 0;

  async function onClient(
    borrowed: Promise<PgClientLike>,
    { text, name }: Statement,
    values: unknown[],
    deadline: Deadline,
  ) {
    const client = await borrowed;
    if (deadline.passed()) {
      // The caller has received "too late": what it does next must not meet this statement.
      client.release();
      return { rows: [] };
    }
    // A lent client without a listener ends the process when its connection breaks.
    const ignore = () => {};
    client.on('error', ignore);
    let released = false;
    const release = (error?: Error) => {
      if (released) return;
      released = true;
      client.removeListener('error', ignore);
      if (error === undefined) client.release();
      else {
        client.on('error', ignore);
        client.release(error);
      }
    };
    deadline.onPassed(() => void cancelStatement(client).then(() => release(GIVEN_UP)));
    try {
      const answer = await client.query({ text, values, types: AS_WRITTEN, ...(prepare ? { name } : {}) });
      // One that is being cancelled is lent to nobody any more.
      release(deadline.passed() ? GIVEN_UP : undefined);
      return answer;
    } catch (error) {
      release(connectionSurvives(error) && !deadline.passed() ? undefined : (error as Error));
      throw error;
    }
  }

  function attempt(wanted: Statement, values: unknown[], limitMs: number): Promise<PgRows> {
    if (abandoned >= MOST_ABANDONED) {
      throw new WaSyncError('store_unreachable', `${abandoned} statements are waiting for Postgres${at(target)}`, {
        retryable: true,
      });
    }
    const deadline = startDeadline(limitMs);
    const borrowing = pool.connect === undefined ? null : borrowClient(pool);
    const running =
      borrowing === null
        ? Promise.resolve((pool.query as PgliteQuery).call(pool, wanted.text, values, AS_WRITTEN_IN_PGLITE))
        : onClient(borrowing.client, wanted, values, deadline);
    return new Promise<PgRows>((resolve, reject) => {
      deadline.onPassed(() => {
        abandoned += 1;
        const ended = () => {
          abandoned -= 1;
        };
        running.then(ended, ended);
        const silence = borrowing?.giveUp(limitMs) ?? `did not answer within ${limitMs} ms`;
        const text = `Postgres${at(target)} ${silence}`;
        reject(markUnderWay(new WaSyncError('store_timeout', text, { retryable: true }), running));
      });
      running.then(resolve, reject).finally(deadline.cancel);
    });
  }

  async function rows(wanted: Statement, values: readonly unknown[], limitMs = limits.statementMs) {
    for (let conflicts = 0; ; ) {
      const prepared = prepare;
      try {
        const answer = await attempt(wanted, [...values], limitMs);
        if (Array.isArray((answer as PgRows | undefined)?.rows)) return answer.rows;
        throw new WaSyncError(
          'config_invalid',
          'Option pool takes a pg.Pool, or a PGlite instance; the query() of this one returned no { rows }',
        );
      } catch (error) {
        const state = sqlState(error);
        if (state !== null && PREPARED_LOST.has(state) && prepared) {
          prepare = false;
        } else if (state !== null && PASSING_CONFLICTS.has(state) && conflicts < CONFLICT_RETRIES) {
          conflicts += 1;
        } else {
          throw error;
        }
      }
    }
  }

  return {
    limits,
    rows,
    translate: (error) => translateError(error, target),
    async json<T>(wanted: Statement, values: readonly unknown[]) {
      const [row] = await rows(wanted, values);
      const answer = row?.answer;
      if (typeof answer !== 'string') throw new WaSyncError('store_failed', 'Postgres gave no answer');
      return JSON.parse(answer) as T;
    },
  };
}

type PgliteQuery = (text: string, values: unknown[], options: object) => Promise<PgRows>;

interface Deadline {
  passed(): boolean;
  onPassed(run: () => void): void;
  cancel(): void;
}

function startDeadline(limitMs: number): Deadline {
  const runs: (() => void)[] = [];
  let passed = false;
  const timer = setTimeout(() => {
    passed = true;
    for (const run of runs) run();
  }, limitMs);
  return {
    passed: () => passed,
    onPassed: (run) => runs.push(run),
    cancel: () => clearTimeout(timer),
  };
}

function at(target: string | null): string {
  return target === null ? '' : ` at ${target}`;
}

/** The most rows of one statement. */
export const MOST_ROWS = 1000;

/**
 * Cuts items into statements of at most {@link MOST_ROWS} in which no id occurs twice (an UPDATE takes any one of
 * several rows that match), each in the order of ids, so that statements lock rows in one order.
 */
export function inBatches<Item extends { readonly id: string }>(items: readonly Item[]): Item[][] {
  const batches: { ids: Set<string>; items: Item[] }[] = [];
  for (const item of items) {
    let batch = batches.find(({ ids }) => ids.size < MOST_ROWS && !ids.has(item.id));
    if (batch === undefined) {
      batch = { ids: new Set(), items: [] };
      batches.push(batch);
    }
    batch.ids.add(item.id);
    batch.items.push(item);
  }
  return batches.map((batch) => batch.items.sort((a, b) => (a.id < b.id ? -1 : 1)));
}
