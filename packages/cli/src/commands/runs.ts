import { CliError } from '../cli-error.js';
import { type CommandContext, readLimit, serviceOf } from '../command.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { typedOption } from '../read-target.js';

const PAGE = 20;

/** A run of a job as the service tells of it. */
export interface JobRunView {
  readonly id: string;
  readonly job: string;
  readonly slot: string | null;
  readonly outcome: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly error: string | null;
}

/** `wa-sync runs [id]`: the last runs of the jobs, or one. */
export async function runs(context: CommandContext, id: string | undefined): Promise<ExitCode> {
  const { output, args } = context;
  const service = serviceOf(context, 'The list of runs');
  if (id !== undefined) {
    const { body } = await service.ask(`/runs/${encodeURIComponent(id)}`);
    output.document(body);
    const rows = Object.entries(body).map(([name, value]) => [name, shown(value)]);
    output.table(['run', id], rows);
    return EXIT.fine;
  }
  const job = typedOption(args, 'job');
  if (job !== undefined && job !== 'cleanup' && job !== 'inactivity') {
    throw new CliError('usage', '--job takes cleanup or inactivity');
  }
  const query = new URLSearchParams({ limit: String(readLimit(context, PAGE)), ...(job ? { job } : {}) });
  const { body } = await service.ask(`/runs?${query}`);
  output.document(body);
  const list = body.runs as readonly JobRunView[];
  if (list.length === 0) output.line('No job has run yet');
  else {
    output.table(
      ['run', 'job', 'started', 'slot', 'outcome', 'counts'],
      list.map((run) => [
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
