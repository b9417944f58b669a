import { quoteForShell, typedOption } from '../target/read-target.js';
import type { JobRunView, Source } from '../target/source.js';
import { CliError, EXIT, type ExitCode } from '../terminal/cli-error.js';
import type { Output } from '../terminal/output.js';
import { type CommandContext, readLimit, withSource } from './command.js';

const CHANGES_OF_A_PAGE = 20;

/** `wa-sync history <session>`: what became of its row, newest first. */
export async function history(context: CommandContext, id: string): Promise<ExitCode> {
  const { output, args } = context;
  const limit = readLimit(context, CHANGES_OF_A_PAGE);
  const before = typedOption(args, 'before');
  const page = await withSource(context, async (source) => {
    const found = await source.listHistory({ id, before, limit });
    if (found.transitions.length === 0 && (await source.sessions.get(id)) === null) {
      throw new CliError('session_not_found', `There is no session ${id}`);
    }
    return found;
  });
  output.document(page);
  if (page.transitions.length === 0)
    output.line(before === undefined ? 'Nothing is remembered of it' : `Nothing is remembered of it before ${before}`);
  else {
    output.table(
      ['when', 'from', 'to', 'evidence', 'health', 'reason'],
      page.transitions.map(({ at, from, to, evidence, health, reason }) => [
        at,
        from,
        to,
        evidence,
        health,
        reason ? `${reason.code}${reason.detail ? `: ${reason.detail}` : ''}` : '-',
      ]),
    );
  }
  if (page.next !== null) output.line(output.paint('dim', `More: --before ${quoteForShell(String(page.next))}`));
  return EXIT.fine;
}

const RUNS_OF_A_PAGE = 20;

/** `wa-sync runs [id]`: the last runs of the jobs, or one. */
export async function runs(context: CommandContext, id: string | undefined): Promise<ExitCode> {
  const { output, args } = context;
  const job = typedOption(args, 'job');
  if (job !== undefined && job !== 'cleanup' && job !== 'inactivity') {
    throw new CliError('usage', '--job takes cleanup or inactivity');
  }
  const limit = readLimit(context, RUNS_OF_A_PAGE);
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
