import { quoteForShell } from '../target/read-target.js';
import { allSessions, driftOf, type SessionSource, type SessionView } from '../target/session-view.js';
import type { JobRunView } from '../target/source.js';

/** Something to fix. `error`: wa-sync cannot work as it is. `note`: nothing to do, but worth knowing. */
export interface Finding {
  readonly level: 'error' | 'warn' | 'note';
  readonly code: string;
  readonly what: string;
  readonly fix: string;
}

/** Ids that a finding names. */
const NAMED = 5;
/** Attempts after which a reconnect counts as one that does not come through. */
const MANY_ATTEMPTS = 5;

/** A command as it is typed to reach what the doctor checked. */
export type CommandFor = (words: string) => string;

interface Rule {
  readonly code: string;
  readonly says: string;
  /**
   * What helps. `run` writes a command of wa-sync, `id` is the first session that the finding names, as one word of a
   * shell.
   */
  fix(run: CommandFor, id: string): string;
  fits(session: SessionView): boolean;
}

const status = (session: SessionView) => session.effective.status;

/** What can be wrong with a session; the first rule that fits reports it. */
const RULES: readonly Rule[] = [
  {
    code: 'owner_gone',
    says: 'held by a process that is gone',
    fix: () =>
      'Start a process with a provider: it takes them over as soon as the lease of the old one is over (30 s by default). A socket of yours: attach it again.',
    fits: ({ effective }) => effective.evidence === 'expired',
  },
  {
    code: 'mirror_missing',
    says: 'without a row in your table',
    fix: (run, id) =>
      `Either add the row with this id again (then ${run(`sync ${id}`)}, or start the session where no process holds it), or, deleted on purpose: wa.sessions.stop(id), detach a socket of yours, then store.sessions.remove({ id }). A row that is there does not fit where of the mapping. If all are missing, --mirror names another table or id column.`,
    fits: (session) => driftOf(session) === 'mirror_missing',
  },
  {
    code: 'mirror_differs',
    says: 'with another word in your table',
    fix: (run, id) => `Run: ${run(`sync ${id}`)}\nIf it comes back, other code of yours writes the column.`,
    fits: (session) => driftOf(session) === 'mirror_differs' && session.owner !== null,
  },
  {
    code: 'mirror_differs',
    says: 'with another word in your table, and held by no process that could write it',
    fix: (run, id) =>
      `Start it with this mapping (wa.sessions.start(id), or attach its socket), or write the column yourself: ${run(`status ${id}`)} shows what is true.`,
    fits: (session) => driftOf(session) === 'mirror_differs',
  },
  {
    code: 'needs_pairing',
    says: 'waiting to be paired',
    fix: () =>
      'Scan the QR code that your app shows. One that was logged out on the phone shows a code again after wa.sessions.pair(id), or with a new socket of yours.',
    fits: (session) => ['QR_CODE', 'LOGGED_OUT'].includes(status(session)),
  },
  {
    code: 'replaced',
    says: 'opened in another place as well',
    fix: () =>
      'Find a second process that opens the same number, and stop it. Then wa.sessions.stop(id) and wa.sessions.start(id), or attach a new socket of yours.',
    fits: (session) => status(session) === 'REPLACED',
  },
  {
    code: 'needs_a_person',
    says: 'in an error that does not pass by itself',
    fix: (run, id) =>
      `Run: ${run(`status ${id}`)}\nIt shows the reason; docs/BAILEYS.md says what each means. After the fix: wa.sessions.stop(id) and wa.sessions.start(id), or attach a new socket of yours.`,
    fits: (session) => status(session) === 'ERROR',
  },
  {
    code: 'reconnect_loop',
    says: `reconnecting for the ${MANY_ATTEMPTS}th time or more`,
    fix: (run, id) =>
      `Run: ${run(`status ${id}`)}\nIt shows the reason. Check the network of the process: the loop ends with the first reconnect that comes through.`,
    fits: (session) => status(session) === 'RECONNECTING' && session.reconnectAttempt >= MANY_ATTEMPTS,
  },
  {
    code: 'degraded',
    says: 'connected, but not healthy',
    fix: (run, id) =>
      `Run: ${run(`sync ${id} --force`)}\nIt probes the connection, and reopens one that is dead. If it stays: wa.sessions.stop(id) and wa.sessions.start(id), or attach a new socket of yours.`,
    fits: ({ health }) => health === 'degraded',
  },
  {
    code: 'nobody_runs_it',
    says: 'wanted running, and held by no process',
    fix: () =>
      'Start a process with a provider, or attach the socket; a session that nobody wants: wa.sessions.stop(id).',
    fits: ({ desired, active, owner }) => desired === 'running' && active && owner === null,
  },
];

const NO_SESSIONS: Finding = {
  level: 'note',
  code: 'no_sessions',
  what: 'wa-sync knows no session, so none of your rows is kept true',
  fix: 'Add each: wa.sessions.create({ id }), or wa.sessions.import for the rows that you have already.',
};

/** What needs no quotes stands without them. */
const shellWord = (id: string) => (/^\w[\w.:@-]*$/.test(id) ? id : quoteForShell(id));

/** Checks every session. */
export async function findInSessions(source: SessionSource, checked: string[], run: CommandFor): Promise<Finding[]> {
  const found = new Map<Rule, { count: number; ids: string[] }>();
  let count = 0;
  for await (const session of allSessions(source)) {
    count += 1;
    const rule = RULES.find(({ fits }) => fits(session));
    if (!rule) continue;
    const those = found.get(rule) ?? { count: 0, ids: [] };
    those.count += 1;
    if (those.ids.length < NAMED) those.ids.push(session.id);
    found.set(rule, those);
  }
  checked.push(`Checked ${count} ${count === 1 ? 'session' : 'sessions'}`);
  if (count === 0) return [NO_SESSIONS];
  return [...found].map(([{ code, says, fix }, { count, ids }]) => {
    const more = count > ids.length ? `, and ${count - ids.length} more` : '';
    const what = `${count} ${count === 1 ? 'session is' : 'sessions are'} ${says}: ${ids.join(', ')}${more}`;
    return { level: 'warn', code, what, fix: fix(run, shellWord(ids[0] ?? '')) };
  });
}

/** Checks the last run of each job. */
export function findInRuns(runs: readonly JobRunView[], checked: string[]): Finding[] {
  checked.push(runs.length === 1 ? 'Checked the last run of a job' : `Checked the last ${runs.length} runs of jobs`);
  const findings: Finding[] = [];
  for (const job of ['cleanup', 'inactivity']) {
    const last = runs.find((run) => run.job === job && run.outcome !== 'running');
    if (!last || last.outcome === 'finished') continue;
    const why = last.error ? `: ${last.error}` : '';
    const what = `The last run of ${job} ended ${last.outcome}${why} (${last.startedAt})`;
    const fix = 'The log of the process has the whole error. The next slot tries again.';
    findings.push({ level: 'warn', code: 'job_failed', what, fix });
  }
  return findings;
}
