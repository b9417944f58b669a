import type { Database } from '../target/open-database.js';
import { runAsReplica } from '../target/open-database.js';
import type { RunAnswer } from '../target/open-service.js';
import { isDatabase } from '../target/read-target.js';
import { CliError, EXIT, type ExitCode } from '../terminal/cli-error.js';
import type { Output } from '../terminal/output.js';
import { withProgress } from '../terminal/output.js';
import { type CommandContext, isGiven, numberOption, serviceOf, withDatabase } from './command.js';
import { showThenDo } from './confirm.js';

const DAY_MS = 86_400_000;
/** How long a replica waits for its own logins after a start. */
const BOOT_MS = 600_000;
const NEVER_DAYS = 3_650;

/**
 * `wa-sync cleanup [--dry-run] [--yes] [--force]`: deactivates unused sessions; a service deletes old ones too. It
 * asks before.
 */
export async function cleanup(context: CommandContext): Promise<ExitCode> {
  const { output } = context;
  const force = isGiven(context, 'force');
  // Before the target is read: a word that is no number is wrong on either.
  const afterDays = numberOption(context, 'after-days', { byDefault: 30, lowest: 1, highest: NEVER_DAYS });
  const byDatabase = isDatabase(context.args, context.env);
  const onePass = byDatabase ? onDatabase(context, { force, afterDays }) : onService(context, force);
  return showThenDo(context, {
    command: 'cleanup',
    warning: byDatabase ? 'A cleanup deactivates sessions' : 'A cleanup deletes sessions and their credentials',
    run: (dryRun) => withProgress(output, dryRun ? 'Checking' : 'Cleaning up', () => onePass(dryRun)),
    show: (answer) => show(output, answer),
    pending: ({ report }) => {
      const { deactivated = 0, purged = 0, left = 0 } = report.totals;
      if (deactivated + purged + left > 0) return 'changes';
      return report.postponed ? 'postponed' : 'nothing';
    },
    exitCode({ report }) {
      if ((report.totals.failed ?? 0) > 0) return EXIT.error;
      return report.postponed || (report.totals.left ?? 0) > 0 ? EXIT.drift : EXIT.fine;
    },
  });
}

function onService(context: CommandContext, force: boolean): (dryRun: boolean) => Promise<RunAnswer> {
  const service = serviceOf(context, 'A cleanup');
  return (dryRun) => service.run('/cleanup-sessions', { dryRun, force });
}

/**
 * Only deactivates: whether the host keeps credentials of its own, and how they are deleted, is the service's to know.
 */
function onDatabase(
  context: CommandContext,
  { force, afterDays }: { force: boolean; afterDays: number },
): (dryRun: boolean) => Promise<RunAnswer> {
  const settings = {
    afterDays,
    purgeAfterDays: NEVER_DAYS,
    settleMs: 0,
    async purgeCredentials() {
      throw new CliError('needs_service', 'Only a service deletes sessions');
    },
  };
  return (dryRun) =>
    withDatabase(context, async (database) => {
      await database.source();
      if (!dryRun) await refuseWhileBooting(database);
      const report = await runAsReplica(database, { cleanup: settings }, (wa) => wa.cleanupSessions({ dryRun, force }));
      const { deactivated, left, cameBack } = report.totals;
      const did = dryRun ? 'Would deactivate' : 'Deactivated';
      const message = report.postponed
        ? `Nothing was done: ${report.postponed}`
        : `${did} ${deactivated}, ${left} left for the next run, ${cameBack} came back meanwhile`;
      return {
        message,
        timestamp: new Date().toISOString(),
        report: {
          ...report,
          totals: { ...report.totals },
          sessions: report.sessions.map((session) => ({ ...session })),
        },
      };
    });
}

async function refuseWhileBooting(database: Database): Promise<void> {
  const { replicas } = await database.replicas();
  const young = replicas.find(({ alive, heldForMs }) => alive && heldForMs < BOOT_MS);
  if (!young) return;
  const minutes = Math.floor(young.heldForMs / 60_000);
  throw new CliError(
    'boot_settling',
    `Replica ${young.replicaId} started ${minutes} min ago, and its sessions may still be logging in`,
    'Wait until it has run for ten minutes.',
  );
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
      `${Math.floor(Number(session.inactiveForMs) / DAY_MS)} days`,
      String(session.stage),
      String(session.outcome),
      String(session.credentials ?? '-'),
    ]),
  );
}
