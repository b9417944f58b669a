import { type CommandContext, readLimit, withSource } from '../command.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { Output } from '../output.js';
import { quoteForShell } from '../quote-for-shell.js';
import { typedOption } from '../read-target.js';
import { driftOf, type SessionView } from '../session-view.js';

const PAGE = 100;

/** `wa-sync sessions`: a page of rows. */
export async function sessions(context: CommandContext): Promise<ExitCode> {
  const { output, args } = context;
  const limit = readLimit(context, PAGE);
  const page = await withSource(context, ({ sessions }) => sessions.list({ after: typedOption(args, 'after'), limit }));
  output.document(page);
  showSessions(output, page.sessions);
  if (page.next !== null) output.line(output.paint('dim', `More: --after ${quoteForShell(String(page.next))}`));
  return EXIT.fine;
}

/** Sessions as a table. */
export function showSessions(output: Output, rows: readonly SessionView[]): void {
  const head = ['session', 'effective', 'stored', 'health', 'your table', 'reason', 'last seen', 'not true'];
  output.table(
    head,
    rows.map((session) => [
      session.id,
      session.effective.status,
      session.stored.status,
      session.health,
      session.mirror.state === 'none' ? '-' : session.mirror.state,
      session.reason?.code ?? '-',
      session.lastSeenAt ?? '-',
      driftOf(session) ?? '-',
    ]),
  );
}
