import { type Command as CacCommand, cac } from 'cac';
import { CliError, toCliError } from './cli-error.js';
import type { CommandContext } from './command.js';
import { cleanup } from './commands/cleanup.js';
import { doctor } from './commands/doctor.js';
import { inactive } from './commands/inactive.js';
import { migrate } from './commands/migrate.js';
import { runs } from './commands/runs.js';
import { sessions } from './commands/sessions.js';
import { status } from './commands/status.js';
import { sync } from './commands/sync.js';
import { demo } from './demo/demo.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import type { Output } from './output.js';
import type { Environment } from './read-target.js';

interface CommandLine {
  readonly args: readonly string[];
  readonly env: Environment;
  readonly version: string;
  readonly output: Output;
}

interface Definition {
  /** As it is typed: `[name]` may be left out, `<name>` may not. */
  readonly usage: string;
  readonly does: string;
  readonly options?: readonly (readonly [option: string, means: string])[];
  readonly examples: readonly string[];
  run(context: CommandContext, argument: string | undefined): Promise<ExitCode>;
}

const SERVICE = [
  ['--url <url>', 'Address of the endpoints (WA_SYNC_URL; http://127.0.0.1:3000/whatsapp)'],
  ['--token <token>', 'Token of the endpoints (WA_SYNC_TOKEN, which no other user of the machine can read)'],
] as const;
const DATABASE = [
  ['--database-url <url>', 'Straight on a database: postgres://… (WA_SYNC_DATABASE_URL)'],
  ['--schema <name>', "Schema of wa-sync's own tables (wa_sync)"],
] as const;
const MIRROR = ['--mirror <mapping>', 'Your own table: prisma, whaticket, evolution, or a JSON file'] as const;
const DRY_RUN = ['--dry-run', 'Only say what would be done'] as const;

/** Every command, in the order of the help. */
export const COMMANDS: readonly Definition[] = [
  {
    usage: 'status [session]',
    does: 'Show which rows are true, or one session and whether its connection answers',
    options: [...SERVICE, ...DATABASE, MIRROR],
    examples: ['wa-sync status', 'wa-sync status sales --json'],
    run: status,
  },
  {
    usage: 'sync [session]',
    does: 'Compare the row of the current session, or of one, with the truth and put it right',
    options: [...SERVICE, ['--all', 'All sessions'], ['--force', 'Probe every connection now, and heal what is dead']],
    examples: ['wa-sync sync', 'wa-sync sync sales --force', 'wa-sync sync --all'],
    run: sync,
  },
  {
    usage: 'cleanup',
    does: 'Put sessions to rest that nobody uses; asks before it does',
    options: [...SERVICE, DRY_RUN, ['--yes', 'Do not ask'], ['--force', 'Take more than a part of all in one run']],
    examples: ['wa-sync cleanup --dry-run', 'wa-sync cleanup --yes'],
    run: cleanup,
  },
  {
    usage: 'inactive',
    does: 'Warn and close conversations that went quiet',
    options: [...SERVICE, DRY_RUN],
    examples: ['wa-sync inactive --dry-run'],
    run: inactive,
  },
  {
    usage: 'sessions',
    does: 'List sessions by page',
    options: [...SERVICE, ...DATABASE, MIRROR, ['--limit <n>', 'Rows (100)'], ['--after <session>', 'Go on after it']],
    examples: ['wa-sync sessions --limit 20', 'wa-sync sessions --database-url postgres://app@db/app'],
    run: sessions,
  },
  {
    usage: 'runs [id]',
    does: 'List the last runs of the jobs, or show one',
    options: [...SERVICE, ['--job <job>', 'cleanup or inactivity'], ['--limit <n>', 'Rows (20)']],
    examples: ['wa-sync runs --job cleanup'],
    run: runs,
  },
  {
    usage: 'doctor',
    does: 'Find out what is wrong, and what to do about it',
    options: [...SERVICE, ...DATABASE, MIRROR],
    examples: ['wa-sync doctor', 'wa-sync doctor --database-url postgres://app@db/app --mirror prisma'],
    run: doctor,
  },
  {
    usage: 'migrate <what>',
    does: "wa-sync's own schema: plan, apply, or sql for your own tool",
    options: [...DATABASE],
    examples: ['wa-sync migrate plan --database-url postgres://app@db/app', 'wa-sync migrate sql > wa_sync.sql'],
    run: (context, what = '') => migrate(context, what),
  },
  {
    usage: 'demo',
    does: 'Play a small story in memory: no phone, no database, no network',
    examples: ['wa-sync demo'],
    run: demo,
  },
];

const FOOTER = {
  title: 'Exit codes',
  body: '  0  in sync, or done\n  2  a row is not true, or a change is pending\n  1  the command could not do its work',
};

/** Runs one command line; answers its exit code and never rejects. */
export async function runCommandLine({ args, env, version, output }: CommandLine): Promise<ExitCode> {
  const cli = cac('wa-sync');
  cli.option('--json', 'One JSON document instead of tables');
  for (const definition of COMMANDS) define(cli.command(definition.usage, definition.does), definition);
  cli.help((sections) => [
    ...sections.filter(({ title }) => title !== 'For more info, run any command with the `--help` flag'),
    FOOTER,
  ]);
  cli.version(version);
  try {
    const parsed = cli.parse(['node', 'wa-sync', ...args], { run: false });
    if (parsed.options.help === true || parsed.options.version === true) return EXIT.fine;
    if (!cli.matchedCommand) {
      if (parsed.args[0] !== undefined)
        throw new CliError('usage', `There is no command ${parsed.args[0]}`, 'See: wa-sync --help');
      cli.outputHelp();
      return EXIT.error;
    }
    const result: unknown = await cli.runMatchedCommand();
    return result as ExitCode;
  } catch (error) {
    output.fail(toCliError(error));
    return EXIT.error;
  }

  function define(command: CacCommand, definition: Definition): void {
    for (const [option, means] of definition.options ?? []) command.option(option, means);
    for (const example of definition.examples) command.example(`  ${example}`);
    command.action((...given: unknown[]) => {
      const options = given.at(-1) as Record<string, unknown>;
      const argument = given.length > 1 && typeof given[0] === 'string' ? given[0] : undefined;
      return definition.run({ args, options, env, output }, argument);
    });
  }
}
