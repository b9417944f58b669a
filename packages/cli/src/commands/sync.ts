import type { RunAnswer } from '../target/open-service.js';
import { readTarget } from '../target/read-target.js';
import { CliError, EXIT, type ExitCode } from '../terminal/cli-error.js';
import { type Note, withProgress } from '../terminal/output.js';
import { askOwners } from './ask-owners.js';
import { type CommandContext, isGiven, serviceOf, withDatabase } from './command.js';

/** `wa-sync sync [session] [--all] [--force]`: compares and corrects. */
export async function sync(context: CommandContext, id: string | undefined): Promise<ExitCode> {
  const all = isGiven(context, 'all');
  const force = isGiven(context, 'force');
  if (all && id !== undefined) throw new CliError('usage', 'Give a session or --all, not both');
  const { output } = context;
  const answer = await withProgress(output, 'Syncing', (note) =>
    readTarget(context.args, context.env).kind === 'service'
      ? byService(context, { id, all, force })
      : byDatabase(context, { id, all, force }, note),
  );
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

interface Wanted {
  readonly id: string | undefined;
  readonly all: boolean;
  readonly force: boolean;
}

function byService(context: CommandContext, { id, all, force }: Wanted): Promise<RunAnswer> {
  const service = serviceOf(context, 'A sync');
  const path = all ? (force ? '/force-sync' : '/sync-all-sessions') : force ? '/force-sync-current' : '/sync-status';
  const query = id === undefined ? '' : `?${new URLSearchParams({ sessionId: id })}`;
  return service.run(path + query, {});
}

function byDatabase(context: CommandContext, { id, all, force }: Wanted, note: Note): Promise<RunAnswer> {
  if (id === undefined && !all) {
    throw new CliError('no_current_session', 'A database knows no current session', 'Name one, or give --all.');
  }
  return withDatabase(context, async (database) => {
    const source = await database.source();
    const report = await askOwners({ store: database.store, source, id, force, note });
    const { checked, inSync, corrected, healed, unknown, failed } = report.totals;
    const what = `${checked} ${checked === 1 ? 'session' : 'sessions'}`;
    const message = `Asked the processes that hold them about ${what}: ${inSync} in sync, ${corrected} corrected, ${healed} healed, ${unknown} unknown${failed > 0 ? `, ${failed} failed` : ''}`;
    return {
      message,
      timestamp: new Date().toISOString(),
      report: { ...report, totals: { ...report.totals }, sessions: report.sessions.map((session) => ({ ...session })) },
    };
  });
}
