import { checkedText } from '@wa-sync/core/adapter';
import { runAsReplica } from '../target/open-database.js';
import type { RunAnswer } from '../target/open-service.js';
import { isDatabase, typedOption } from '../target/read-target.js';
import { EXIT, type ExitCode } from '../terminal/cli-error.js';
import type { Output } from '../terminal/output.js';
import { withProgress } from '../terminal/output.js';
import { type CommandContext, isGiven, numberOption, serviceOf, withDatabase } from './command.js';
import { showThenDo } from './confirm.js';

const HOUR_MS = 3_600_000;

/**
 * `wa-sync inactive [--dry-run] [--yes]`: closes inactive conversations, by the service's policy or, on a database, by
 * the options given.
 */
export async function inactive(context: CommandContext): Promise<ExitCode> {
  const { output } = context;
  // Before the target is read: a word that is no number is wrong on either.
  const inactiveHours = numberOption(context, 'inactive-hours', { byDefault: 24, lowest: 1, highest: 8_760 });
  if (isDatabase(context.args, context.env)) {
    const onePass = onDatabase(context, inactiveHours * HOUR_MS);
    return showThenDo(context, {
      command: 'inactive',
      warning: 'This closes conversations, and knows nothing of the policy of a service',
      run: (dryRun) => withProgress(output, 'Checking', () => onePass(dryRun)),
      show: (answer) => show(output, answer),
      pending: (answer) => (toDo(answer) > 0 ? 'changes' : answer.report.postponed ? 'postponed' : 'nothing'),
      exitCode: (answer) => exitCode(answer, false),
    });
  }
  const dryRun = isGiven(context, 'dryRun');
  const service = serviceOf(context, 'A check of inactive conversations');
  const path = '/check-inactive-conversations';
  const answer = await withProgress(output, 'Checking', () => service.run(path, { dryRun }));
  show(output, answer);
  return exitCode(answer, dryRun);
}

/** Closes without a word: what would be said, and to whom, is the service's to know. */
function onDatabase(context: CommandContext, inactiveAfterMs: number): (dryRun: boolean) => Promise<RunAnswer> {
  const skipped = typedOption(context.args, 'skip-status') ?? '';
  const skipStatuses = skipped.split(',').filter((status) => status !== '');
  return (dryRun) =>
    withDatabase(context, async (database) => {
      const report = await runAsReplica(database, { inactivity: { inactiveAfterMs, skipStatuses } }, (wa) =>
        wa.checkInactiveConversations({ dryRun }),
      );
      const { closed, waiting, cancelled, adopted } = report.totals;
      // Else nobody would know why a first run closes nothing.
      const registered = adopted === 0 ? '' : `, ${adopted} newly registered, whose clocks start now`;
      const message = report.postponed
        ? `Nothing was done: ${report.postponed}`
        : `Checked ${checkedText(report)}: ${closed} ${dryRun ? 'would be closed' : 'closed'}, ${waiting} waiting, ${cancelled} cancelled${registered}`;
      const conversations = report.conversations.map((conversation) => ({ ...conversation }));
      return {
        message,
        timestamp: new Date().toISOString(),
        report: { ...report, totals: { ...report.totals }, conversations },
      };
    });
}

function toDo({ report }: RunAnswer): number {
  return (report.totals.closed ?? 0) + (report.totals.warned ?? 0);
}

function exitCode(answer: RunAnswer, dryRun: boolean): ExitCode {
  const { totals, postponed } = answer.report;
  if ((totals.failed ?? 0) > 0) return EXIT.error;
  return postponed || (dryRun && toDo(answer) > 0) ? EXIT.drift : EXIT.fine;
}

function show(output: Output, answer: RunAnswer): void {
  output.document(answer);
  output.line(answer.message);
  const reported = (answer.report.conversations ?? []).filter(
    ({ outcome }) => outcome !== 'waits' && outcome !== 'skipped',
  );
  if (reported.length === 0) return;
  output.table(
    ['conversation', 'session', 'inactive for', 'outcome', 'reason'],
    reported.map((conversation) => [
      String(conversation.id),
      String(conversation.sessionId),
      `${Math.floor(Number(conversation.inactiveForMs) / HOUR_MS)} h`,
      String(conversation.outcome),
      String(conversation.reason),
    ]),
  );
}
