import { randomUUID } from 'node:crypto';
import { createWaSync, type HostImportReport, silentLogger } from '@wa-sync/core';
import type { Database } from '../target/open-database.js';
import { CliError, EXIT, type ExitCode } from '../terminal/cli-error.js';
import { type Note, type Output, withProgress } from '../terminal/output.js';
import { type CommandContext, isGiven, withDatabase } from './command.js';

/** `wa-sync import [--dry-run]`: makes sessions of the rows of the host's own table. Those that are there stay. */
export async function importFromHost(context: CommandContext): Promise<ExitCode> {
  const { output } = context;
  const dryRun = isGiven(context, 'dryRun');
  return withDatabase(context, async (database) => {
    if (!database.hasSessionsMirror) {
      const fix = 'Give --mirror: prisma, whaticket, evolution, or a JSON file with { table, columns, … }.';
      throw new CliError('usage', 'import reads your own table, and nothing says which', fix);
    }
    const report = await withProgress(output, dryRun ? 'Reading' : 'Importing', (note) => run(database, dryRun, note));
    show(output, report);
    const { created, leftOutTotal, unknownWordsTotal } = report;
    const pending = dryRun && created > 0;
    return pending || leftOutTotal + unknownWordsTotal > 0 ? EXIT.drift : EXIT.fine;
  });
}

async function run(database: Database, dryRun: boolean, note: Note): Promise<HostImportReport> {
  // The first call of a store migrates, and a command must not do that by the way.
  await database.source();
  // Not started: it holds no lease and runs no job. What it has to say stands in the report.
  const wa = createWaSync({
    store: database.store,
    replicaId: `wa-sync-command-${randomUUID().slice(0, 8)}`,
    logger: silentLogger,
  });
  return wa.sessions.importFromHost({
    dryRun,
    onProgress: ({ read }) => note(`${read.toLocaleString('en-US')} rows`),
  });
}

function show(output: Output, report: HostImportReport): void {
  const { dryRun, read, created, existing, leftOut, leftOutTotal, unknownWords, unknownWordsTotal } = report;
  output.document(report);
  output.line(
    `${dryRun ? 'Would import' : 'Imported'} ${created} of ${read} rows: ${existing} are sessions already, ${leftOutTotal} are left out`,
  );
  if (unknownWordsTotal > 0) {
    const as = dryRun ? 'would be imported as DISCONNECTED' : 'were imported as DISCONNECTED';
    output.line(`${unknownWordsTotal} of them ${as}: no status has their word`);
    output.table(
      ['word', 'rows'],
      unknownWords.map(({ word, sessions }) => [word ?? '(null)', String(sessions)]),
    );
  }
  if (leftOutTotal > 0) {
    output.line('Left out, because their id cannot name a session:');
    output.table(
      ['id', 'why'],
      leftOut.map(({ id, why }) => [id === '' ? '(empty)' : id, why]),
    );
    if (leftOutTotal > leftOut.length) output.line(`and ${leftOutTotal - leftOut.length} more`);
  }
}
