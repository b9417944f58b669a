import { plainText } from '@wa-sync/core';
import { findInClocks, findInLeases } from '../doctor/find-in-leases.js';
import { type CommandFor, type Finding, findInRuns, findInSessions } from '../doctor/find-problems.js';
import type { Database } from '../target/open-database.js';
import { openService, type Service } from '../target/open-service.js';
import { readTarget, repeatTarget } from '../target/read-target.js';
import { type Source, sourceOfService } from '../target/source.js';
import { CliError, EXIT, type ExitCode, toCliError } from '../terminal/cli-error.js';
import { withProgress } from '../terminal/output.js';
import { type CommandContext, withDatabase } from './command.js';

const RUNS_CHECKED = 50;
const COLORS = { error: 'red', warn: 'yellow', note: 'dim' } as const;

/** `wa-sync doctor`: what is wrong, and what to do about each. */
export async function doctor(context: CommandContext): Promise<ExitCode> {
  const { output } = context;
  const target = readTarget(context.args, context.env);
  const checked: string[] = [];
  const findings: Finding[] = [];
  const run = (words: string) => `wa-sync ${words}${repeatTarget(context.args)}`;
  try {
    await withProgress(output, 'Checking', () =>
      target.kind === 'service'
        ? examineService(openService(target), { checked, findings, run })
        : withDatabase(context, (database) => examineDatabase(database, { checked, findings, run })),
    );
  } catch (error) {
    // The error that keeps the doctor from going on is the finding that matters most.
    const { code, message, fix } = toCliError(error);
    if (code === 'usage') throw error;
    findings.unshift({ level: 'error', code, what: message, fix: fix ?? 'Read the log of the service.' });
  }
  output.document({ checked, findings });
  for (const line of checked) output.line(`${output.paint('green', 'ok')}  ${line}`);
  for (const { level, code, what, fix } of findings) {
    const mark = output.paint(COLORS[level], level);
    output.line(`\n${mark}  ${plainText(what)} (${code})\n      Fix: ${fix.replaceAll('\n', '\n      ')}`);
  }
  const found = new Set(findings.map(({ level }) => level));
  if (found.has('error')) return EXIT.error;
  if (found.has('warn')) return EXIT.drift;
  output.line(output.paint('green', `${findings.length > 0 ? '\n' : ''}Nothing is wrong`));
  return EXIT.fine;
}

interface Examination {
  readonly checked: string[];
  readonly findings: Finding[];
  readonly run: CommandFor;
}

async function examineService(service: Service, examination: Examination): Promise<void> {
  const { checked } = examination;
  await service.ask('/health/live');
  checked.push(`The service answers at ${service.address}`);
  await service.ask('/health/ready');
  checked.push('Its store answers');
  await service.sessions.list({ limit: 1 });
  checked.push('The token is taken');
  await examineRows(sourceOfService(service), examination);
}

async function examineRows(source: Source, { checked, findings, run }: Examination): Promise<void> {
  findings.push(...(await findInSessions(source.sessions, checked, run)));
  try {
    const { runs } = await source.listRuns({ job: undefined, limit: RUNS_CHECKED });
    findings.push(...findInRuns(runs, checked));
  } catch (error) {
    if (!(error instanceof CliError) || !['out_of_scope', 'not_supported'].includes(error.code)) throw error;
  }
}

async function examineDatabase(database: Database, examination: Examination): Promise<void> {
  const { checked, findings, run } = examination;
  const { current, latest, pending } = await database.plan();
  checked.push('The database answers');
  let mapped = true;
  if (database.hasMirror) {
    for (const { severity, about, problem, fix } of await database.store.checkMirror()) {
      if (severity === 'error') mapped = false;
      const code = severity === 'error' ? 'mirror_invalid' : 'mirror_note';
      findings.push({ level: severity, code, what: `${about}: ${problem}`, fix });
    }
    if (mapped) checked.push('The mapping of your tables fits');
  }
  if (pending.length > 0) {
    const what = current === 0 ? 'There is no schema of wa-sync' : `The schema is at version ${current} of ${latest}`;
    findings.push({ level: 'warn', code: 'schema_pending', what, fix: `Run: ${run('migrate apply')}` });
    return;
  }
  checked.push(`The schema is at version ${current}, the newest`);
  const askedMs = performance.now();
  const { storeNow, replicas } = await database.replicas();
  const clocks = { hostNow: new Date(), storeNow, askedForMs: performance.now() - askedMs };
  findings.push(...findInClocks(clocks, checked), ...findInLeases(replicas, checked));
  // The store refuses to read through a mapping that does not fit.
  if (mapped) await examineRows(await database.source(), examination);
}
