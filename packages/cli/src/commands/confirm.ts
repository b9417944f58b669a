import { createInterface } from 'node:readline/promises';
import { CliError, EXIT, type ExitCode } from '../terminal/cli-error.js';
import { type CommandContext, isGiven } from './command.js';

/** Does a dry run first where it has to be asked, and does it only where somebody said yes, or `--yes` was given. */
export async function showThenDo<Answer>(
  context: CommandContext,
  params: {
    readonly command: string;
    /** A change that cannot be undone, where nobody can be asked. */
    readonly warning: string;
    run(dryRun: boolean): Promise<Answer>;
    show(answer: Answer): void;
    /** Whether there is something to do, or something that keeps it from being done now. */
    pending(answer: Answer): 'nothing' | 'changes' | 'postponed';
    exitCode(done: Answer): ExitCode;
  },
): Promise<ExitCode> {
  const { command, warning, run, show, pending, exitCode } = params;
  const dryRun = isGiven(context, 'dryRun');
  const yes = isGiven(context, 'yes');
  if (!dryRun && !yes && !context.output.interactive) {
    const fix = `Check first: wa-sync ${command} --dry-run. Then: wa-sync ${command} --yes.`;
    throw new CliError('not_confirmed', `${warning}, and nobody can be asked`, fix);
  }
  if (dryRun || !yes) {
    const planned = await run(true);
    show(planned);
    const found = pending(planned);
    if (dryRun || found !== 'changes') return found === 'nothing' ? EXIT.fine : EXIT.drift;
    if (!(await confirm())) return EXIT.drift;
  }
  const done = await run(false);
  show(done);
  return exitCode(done);
}

async function confirm(): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question('Do it? [y/N] ')).trim());
  } finally {
    asking.close();
  }
}
