import { type CommandContext, isGiven, serviceOf } from '../command.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { withProgress } from '../show-progress.js';

const HOUR_MS = 3_600_000;

/** `wa-sync inactive [--dry-run]`: warns and closes conversations that went quiet. */
export async function inactive(context: CommandContext): Promise<ExitCode> {
  const { output } = context;
  const dryRun = isGiven(context, 'dryRun');
  const service = serviceOf(context, 'A check of quiet conversations');
  const path = '/check-inactive-conversations';
  const answer = await withProgress(output, 'Checking', () => service.run(path, { dryRun }));
  output.document(answer);
  output.line(answer.message);
  const { totals, conversations = [], postponed } = answer.report;
  const told = conversations.filter(({ outcome }) => outcome !== 'waits' && outcome !== 'skipped');
  if (told.length > 0) {
    output.table(
      ['conversation', 'session', 'quiet for', 'outcome', 'reason'],
      told.map((conversation) => [
        String(conversation.id),
        String(conversation.sessionId),
        `${Math.floor(Number(conversation.quietForMs) / HOUR_MS)} h`,
        String(conversation.outcome),
        String(conversation.reason),
      ]),
    );
  }
  if ((totals.failed ?? 0) > 0) return EXIT.error;
  const pending = dryRun && (totals.closed ?? 0) + (totals.warned ?? 0) > 0;
  return postponed || pending ? EXIT.drift : EXIT.fine;
}
