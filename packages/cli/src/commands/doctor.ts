import { CliError, toCliError } from '../cli-error.js';
import { type CommandContext, withDatabase } from '../command.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { type Finding, findInRuns, findInSessions } from '../find-problems.js';
import { clean } from '../format-table.js';
import type { Database } from '../open-database.js';
import { openService, type Service } from '../open-service.js';
import { readTarget } from '../read-target.js';
import type { JobRunView } from './runs.js';

const RUNS_LOOKED_AT = 50;

/** `wa-sync doctor`: what is wrong, and what to do about each. */
export async function doctor(context: CommandContext): Promise<ExitCode> {
  const { output } = context;
  const target = readTarget(context.args, context.env);
  const checked: string[] = [];
  const findings: Finding[] = [];
  try {
    if (target.kind === 'service') await examineService(openService(target), checked, findings);
    else await withDatabase(context, (database) => examineDatabase(database, checked, findings));
  } catch (error) {
    // What keeps the doctor from looking on is the finding that matters most.
    const { code, message, mend } = toCliError(error);
    if (code === 'usage') throw error;
    findings.unshift({ level: 'error', code, what: message, mend: mend ?? 'Look at the log of the service.' });
  }
  output.document({ checked, findings });
  for (const line of checked) output.line(`${output.paint('green', 'ok')}  ${line}`);
  for (const { level, code, what, mend } of findings) {
    const mark = level === 'error' ? output.paint('red', 'error') : output.paint('yellow', 'look');
    output.line(`\n${mark}  ${clean(what)} (${code})\n      Mend: ${mend}`);
  }
  if (findings.length === 0) output.line(output.paint('green', 'Nothing is wrong'));
  if (findings.some(({ level }) => level === 'error')) return EXIT.error;
  return findings.length === 0 ? EXIT.fine : EXIT.drift;
}

async function examineService(service: Service, checked: string[], findings: Finding[]): Promise<void> {
  await service.ask('/health/live');
  checked.push(`The service answers at ${service.address}`);
  await service.ask('/health/ready');
  checked.push('Its store answers');
  await service.sessions.list({ limit: 1 });
  checked.push('The token is taken');
  findings.push(...(await findInSessions(service.sessions, checked)));
  try {
    const { body } = await service.ask(`/runs?limit=${RUNS_LOOKED_AT}`);
    findings.push(...findInRuns(body.runs as readonly JobRunView[], checked));
  } catch (error) {
    if (!(error instanceof CliError) || !['out_of_scope', 'not_supported'].includes(error.code)) throw error;
  }
}

async function examineDatabase(database: Database, checked: string[], findings: Finding[]): Promise<void> {
  const { current, latest, pending } = await database.plan();
  checked.push('The database answers');
  let mapped = true;
  if (database.hasMirror) {
    for (const { severity, about, problem, mend } of await database.store.checkMirror()) {
      if (severity === 'error') mapped = false;
      const level = severity === 'error' ? 'error' : 'look';
      findings.push({ level, code: 'mirror_invalid', what: `${about}: ${problem}`, mend });
    }
    if (mapped) checked.push('The mapping of your table fits');
  }
  if (pending.length > 0) {
    const what = current === 0 ? 'There is no schema of wa-sync' : `The schema is at version ${current} of ${latest}`;
    findings.push({ level: 'look', code: 'schema_pending', what, mend: 'Run: wa-sync migrate apply' });
    return;
  }
  checked.push(`The schema is at version ${current}, the newest`);
  // The store refuses to read through a mapping that does not fit.
  if (mapped) findings.push(...(await findInSessions(await database.sessions(), checked)));
}
