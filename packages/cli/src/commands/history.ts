import { quoteForShell, typedOption } from '../target/read-target.js';
import { CliError, EXIT, type ExitCode } from '../terminal/cli-error.js';
import { type CommandContext, readLimit, withSource } from './command.js';

const PAGE = 20;

/** `wa-sync history <session>`: what became of its row, newest first. */
export async function history(context: CommandContext, id: string): Promise<ExitCode> {
  const { output, args } = context;
  const limit = readLimit(context, PAGE);
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
