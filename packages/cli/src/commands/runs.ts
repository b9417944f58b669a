import { typedOption } from '../target/read-target.js';
import type { JobRunView, Source } from '../target/source.js';
import { CliError, EXIT, type ExitCode } from '../terminal/cli-error.js';
import type { Output } from '../terminal/output.js';
import { type CommandContext, readLimit, withSource } from './command.js';

const PAGE = 20;

/** `wa-sync runs [id]`: the last runs of the jobs, or one. */
export async function runs(context: CommandContext, id: string | undefined): Promise<ExitCode> {
  const { output, args } = context;
  const job = typedOption(args, 'job');
  if (job !== undefined && job !== 'cleanup' && job !== 'inactivity') {
    throw new CliError('usage', '--job takes cleanup or inactivity');
  }
  const limit = readLimit(context, PAGE);
  return withSource(context, (source) =>
    id === undefined ? showPage(output, source.listRuns({ job, limit })) : showOne(output, id, source.getRun(id)),
  );
}

async function showOne(output: Output, id: string, asked: ReturnType<Source['getRun']>): Promise<ExitCode> {
  const run = await asked;
  if (run === null) throw new CliError('run_not_found', `There is no run ${id}`);
  output.document(run);
  output.table(
    ['run', id],
    Object.entries(run).map(([name, value]) => [name, shown(value)]),
  );
  return EXIT.fine;
}

async function showPage(output: Output, asked: ReturnType<Source['listRuns']>): Promise<ExitCode> {
  const page = await asked;
  output.document(page);
  if (page.runs.length === 0) output.line('No job has run yet');
  else {
    output.table(
      ['run', 'job', 'started', 'slot', 'outcome', 'counts'],
      page.runs.map((run) => [
        run.id,
        run.job,
        run.startedAt,
        run.slot ?? 'asked for',
        run.outcome,
        run.error ?? countsOf(run),
      ]),
    );
  }
  return EXIT.fine;
}

function countsOf({ counts }: JobRunView): string {
  const parts = Object.entries(counts).filter(([, count]) => count > 0);
  return parts.map(([name, count]) => `${name} ${count}`).join(', ') || '-';
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
