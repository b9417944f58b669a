import * as z from 'zod/mini';
import type { ImportFromHostOptions, SessionsApi } from '../../api/wa-sync.js';
import { isWaSyncError, WaSyncError } from '../../domain/errors.js';
import type { Config } from '../../options/config.js';
import { parseOptions } from '../../options/parse-options.js';
import type { Clock } from '../../ports/clock.js';
import type { HostSession } from '../../ports/host-sessions.js';
import type { NewSession } from '../../ports/session-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import { createBatchSize } from '../limits/batch-size.js';
import type { HostCalls } from '../limits/host-calls.js';
import { createImportTally, newSession, statusOfWords } from './judge-host-rows.js';

type OnProgress = NonNullable<ImportFromHostOptions['onProgress']>;

const schema = z.strictObject({
  dryRun: z._default(z.boolean('takes true or false'), false),
  onProgress: z.optional(z.custom<OnProgress>((given) => typeof given === 'function', 'takes a function')),
} satisfies { [Key in keyof ImportFromHostOptions]-?: z.core.$ZodType });

/** `wa.sessions.importFromHost`. Nothing is kept of a page once its sessions are created. */
export function createImportFromHost(deps: {
  config: Pick<Config, 'clock' | 'logger'>;
  store: WaSyncStore;
  host: HostCalls;
}): SessionsApi['importFromHost'] {
  const { store, host } = deps;
  const { clock, logger } = deps.config;

  return async (options = {}) => {
    const { dryRun, onProgress } = parseOptions('importFromHost', schema, options);
    const { hostSessions } = store;
    if (hostSessions === undefined) throw noTable();
    const statuses = statusOfWords(hostSessions);
    // The host's table and ours are slow for reasons of their own.
    const reading = createBatches(clock);
    const creating = createBatches(clock);
    const tally = createImportTally(dryRun);

    /** The ids of a batch that are new. */
    async function create(sessions: readonly NewSession[]): Promise<readonly string[]> {
      if (!dryRun) return store.sessions.create({ sessions });
      const ids = sessions.map(({ id }) => id);
      const there = new Set((await store.sessions.get({ ids })).map(({ id }) => id));
      return ids.filter((id) => !there.has(id));
    }

    async function takeOver(rows: readonly HostSession[]): Promise<void> {
      const taken = rows.filter((row) => tally.takes(row));
      for (let from = 0; from < taken.length; ) {
        const batch = taken.slice(from, from + creating.rows());
        const sessions = batch.map((row) => newSession(row, statuses.get(row.word ?? '')));
        const created = await creating.run(batch.length, () => create(sessions));
        if (created === null) continue;
        const isNew = new Set(created);
        for (const row of batch) tally.count(row, isNew.has(row.id), statuses.has(row.word ?? ''));
        from += batch.length;
        report();
      }
    }

    function report(): void {
      if (!onProgress) return;
      const text = 'The import goes on';
      host.notify({ name: 'importFromHost.onProgress', code: 'progress_failed', text }, () =>
        onProgress(tally.progress()),
      );
    }

    for (let after: string | null | undefined; after !== null; ) {
      const limit = reading.rows();
      const page = await reading.run(limit, () => hostSessions.list({ after: after ?? undefined, limit }));
      if (page === null) continue;
      await takeOver(page.rows);
      after = page.next;
      report();
    }
    const done = tally.report();
    const { leftOutTotal, unknownWordsTotal } = done;
    logger.info({ ...tally.progress(), dryRun }, tally.text());
    if (leftOutTotal + unknownWordsTotal > 0) {
      logger.warn(
        { code: 'import_incomplete', leftOutTotal, unknownWordsTotal },
        `Of the host's table ${leftOutTotal} rows are left out for their id, and ${unknownWordsTotal} sessions have a word that no status has`,
      );
    }
    return done;
  };
}

/** Statements over as many rows as are fast. */
function createBatches(clock: Clock) {
  let size = createBatchSize({ clock });
  return {
    rows: () => size.rows(),
    /**
     * Runs one over so many rows; `null` where it took too long and the fewest may be enough. Running it again is
     * harmless, whatever became of the first. Where it waits for a lock, that is one more wait, and not one a size.
     */
    async run<T>(rows: number, statement: () => Promise<T>): Promise<T | null> {
      try {
        return await size.measure(statement);
      } catch (error) {
        if (!isWaSyncError(error) || error.code !== 'store_timeout') throw error;
        size = createBatchSize({ clock });
        if (size.rows() < rows) return null;
        throw error;
      }
    },
  };
}

function noTable(): WaSyncError {
  const fix = 'set mirror.sessions in createPostgresStore({ pool, mirror: { sessions } }), or read the rows yourself';
  return new WaSyncError(
    'not_supported',
    `importFromHost reads the table that the store maps, and this store maps none: ${fix} and give them to import()`,
  );
}
