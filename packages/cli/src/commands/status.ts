import type { Service } from '../target/open-service.js';
import { quoteForShell, typedOption } from '../target/read-target.js';
import { allSessions, driftOf, type SessionSource, type SessionView } from '../target/session-view.js';
import { CliError, EXIT, type ExitCode } from '../terminal/cli-error.js';
import { type Output, withProgress } from '../terminal/output.js';
import { type CommandContext, readLimit, withSource } from './command.js';

/** Rows that are named; the totals count all. */
const NAMED = 20;

/** `wa-sync status [session]`: one session, or how all of them stand and which rows are not true. */
export async function status(context: CommandContext, id: string | undefined): Promise<ExitCode> {
  return withSource(context, ({ sessions, service }) =>
    id === undefined ? overview(context, sessions, service) : one(context, id, sessions, service),
  );
}

async function one(
  { output }: CommandContext,
  id: string,
  sessions: SessionSource,
  service: Service | null,
): Promise<ExitCode> {
  const session = await sessions.get(id);
  if (!session) throw new CliError('session_not_found', `There is no session ${id}`);
  const connected = service ? await askConnected(service, id) : null;
  const drift = driftOf(session) ?? (isContradicted(session, connected) ? 'stored_differs' : null);
  output.document({ session, connected, drift, inSync: drift === null });
  const { stored, effective, health, reason, mirror, owner, lastSeenAt, desired, active } = session;
  const rows = [
    ['effective', `${effective.status} (${effective.evidence})`],
    ['stored', `${stored.status} (${stored.evidence})`],
    ['connection', connected === null ? 'not asked' : connected ? 'answers' : 'does not answer'],
    ['health', health],
    ['reason', reason ? `${reason.code}${reason.detail ? `: ${reason.detail}` : ''}` : '-'],
    ['wanted', `${desired}${active ? '' : ', deactivated by the cleanup'}`],
    ['your table', mirror.state === 'none' ? 'no mirror' : `${mirror.state} ${mirror.word ?? ''}`.trim()],
    ['owner', owner ?? 'nobody'],
    ['last seen', lastSeenAt ?? '-'],
    ['in sync', drift === null ? 'yes' : `no: ${drift}`],
  ];
  output.table([id, ''], rows);
  return drift === null ? EXIT.fine : EXIT.drift;
}

/** The connection was asked after the row was read, so a row that is being written right now is read twice at most. */
function isContradicted({ effective }: SessionView, connected: boolean | null): boolean {
  return connected !== null && connected !== (effective.status === 'CONNECTED');
}

async function overview(
  { output }: CommandContext,
  sessions: SessionSource,
  service: Service | null,
): Promise<ExitCode> {
  const current = service ? await askCurrent(service) : null;
  const counts = new Map<string, number>();
  const drifted: SessionView[] = [];
  let checked = 0;
  let drifting = 0;
  await withProgress(output, 'Reading', async (note) => {
    for await (const session of allSessions(sessions)) {
      checked += 1;
      note(`${checked} sessions`);
      counts.set(session.effective.status, (counts.get(session.effective.status) ?? 0) + 1);
      if (driftOf(session) === null) continue;
      drifting += 1;
      if (drifted.length < NAMED) drifted.push(session);
    }
  });
  const inSync = drifting === 0;
  const byStatus = Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  output.document({ current, checked, byStatus, drifting, drifted, inSync });
  if (current) output.line(`Current session: ${current.connected ? 'connected' : 'not connected'}`);
  const rows = Object.entries(byStatus).map(([name, count]) => [name, String(count)]);
  output.table(['status', 'sessions'], rows);
  if (inSync) {
    output.line(output.paint('green', `${checked} ${checked === 1 ? 'session' : 'sessions'}, every row is true`));
    return EXIT.fine;
  }
  output.line(output.paint('yellow', `\n${drifting} of ${checked} rows are not true:`));
  showSessions(output, drifted);
  return EXIT.drift;
}

async function askConnected(service: Service, id: string): Promise<boolean> {
  const { body } = await service.ask(`/status?${new URLSearchParams({ sessionId: id })}`);
  return body.connected === true;
}

/** No current session, one that is not there yet, or one that cannot be judged now is no error of an overview. */
async function askCurrent(service: Service): Promise<{ connected: boolean } | null> {
  try {
    return { connected: (await service.ask('/status')).body.connected === true };
  } catch (error) {
    const fine = ['no_current_session', 'session_not_found', 'status_unknown'];
    if (error instanceof CliError && fine.includes(error.code)) return null;
    throw error;
  }
}

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
function showSessions(output: Output, rows: readonly SessionView[]): void {
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
