import { createInterface } from 'node:readline/promises';
import { CliError } from '../cli-error.js';
import { type CommandContext, isGiven, serviceOf } from '../command.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { RunAnswer } from '../open-service.js';
import type { Output } from '../output.js';
import { withProgress } from '../show-progress.js';

const DAY_MS = 86_400_000;

/** `wa-sync cleanup [--dry-run] [--yes] [--force]`: puts unused sessions to rest. It deletes credentials, so it asks before. */
export async function cleanup(context: CommandContext): Promise<ExitCode> {
  const { output } = context;
  const dryRun = isGiven(context, 'dryRun');
  const yes = isGiven(context, 'yes');
  const force = isGiven(context, 'force');
  const service = serviceOf(context, 'A cleanup');
  const run = (dry: boolean) =>
    withProgress(output, dry ? 'Looking' : 'Cleaning up', () =>
      service.run('/cleanup-sessions', { dryRun: dry, force }),
    );

  if (!dryRun && !yes && !output.interactive) {
    const mend = 'Look first: wa-sync cleanup --dry-run. Then: wa-sync cleanup --yes.';
    throw new CliError(
      'not_confirmed',
      'A cleanup deletes sessions and their credentials, and nobody can be asked',
      mend,
    );
  }
  if (dryRun || !yes) {
    const planned = await run(true);
    show(output, planned);
    const pending = planned.report.postponed !== null || changesOf(planned) > 0;
    if (dryRun || changesOf(planned) === 0) return pending ? EXIT.drift : EXIT.fine;
    if (!(await confirm())) return EXIT.drift;
  }
  const done = await run(false);
  show(output, done);
  if ((done.report.totals.failed ?? 0) > 0) return EXIT.error;
  return done.report.postponed || (done.report.totals.left ?? 0) > 0 ? EXIT.drift : EXIT.fine;
}

function changesOf({ report }: RunAnswer): number {
  const { deactivated = 0, purged = 0, left = 0 } = report.totals;
  return deactivated + purged + left;
}

async function confirm(): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question('Do it? [y/N] ')).trim());
  } finally {
    asking.close();
  }
}

function show(output: Output, answer: RunAnswer): void {
  output.document(answer);
  output.line(answer.message);
  const { sessions = [] } = answer.report;
  if (sessions.length === 0) return;
  output.table(
    ['session', 'status', 'silent for', 'stage', 'outcome', 'credentials'],
    sessions.map((session) => [
      String(session.id),
      String(session.status),
      `${Math.floor(Number(session.idleForMs) / DAY_MS)} days`,
      String(session.stage),
      String(session.outcome),
      String(session.credentials ?? '-'),
    ]),
  );
}
