import { CliError } from '../cli-error.js';
import { type CommandContext, isGiven, serviceOf } from '../command.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { withProgress } from '../show-progress.js';

/** `wa-sync sync [session] [--all] [--force]`: compares and corrects. */
export async function sync(context: CommandContext, id: string | undefined): Promise<ExitCode> {
  const all = isGiven(context, 'all');
  const force = isGiven(context, 'force');
  if (all && id !== undefined) throw new CliError('usage', 'Give a session or --all, not both');
  const { output } = context;
  const service = serviceOf(context, 'A sync');
  const path = all ? (force ? '/force-sync' : '/sync-all-sessions') : force ? '/force-sync-current' : '/sync-status';
  const query = id === undefined ? '' : `?${new URLSearchParams({ sessionId: id })}`;
  const answer = await withProgress(output, 'Syncing', () => service.run(path + query, {}));
  const { totals, sessions = [] } = answer.report;
  output.document(answer);
  output.line(answer.message);
  const changed = sessions.filter(({ action }) => action !== 'none');
  if (changed.length > 0) {
    const head = ['session', 'stored', 'actual', 'action', 'reason'];
    output.table(
      head,
      changed.map((session) => [
        String(session.id),
        String(session.foreignWord ?? session.stored ?? '-'),
        String(session.actual ?? '-'),
        String(session.action),
        String(session.reason),
      ]),
    );
  }
  if ((totals.failed ?? 0) > 0) return EXIT.error;
  return totals.inSync === totals.checked ? EXIT.fine : EXIT.drift;
}
