import { type Command as CacCommand, cac } from 'cac';
import type { Environment } from '../target/read-target.js';
import { CliError, EXIT, type ExitCode, toCliError } from '../terminal/cli-error.js';
import type { Output } from '../terminal/output.js';
import { COMMANDS, type Definition } from './commands.js';
import { type HelpSection, writeHelp } from './write-help.js';

interface CommandLine {
  readonly args: readonly string[];
  readonly env: Environment;
  readonly version: string;
  readonly output: Output;
}

/** Runs one command line; returns its exit code and never rejects. */
export async function runCommandLine({ args, env, version, output }: CommandLine): Promise<ExitCode> {
  const cli = cac('wa-sync');
  cli.option('--json', 'One JSON document instead of tables');
  for (const definition of COMMANDS) define(cli.command(definition.usage, definition.does), definition);
  cli.help((sections: HelpSection[]) => writeHelp(sections, { version, definition: asked() }));
  cli.version(version);
  try {
    const parsed = cli.parse(['node', 'wa-sync', ...readSwitches(args)], { run: false });
    if (parsed.options.help === true || parsed.options.version === true) return EXIT.fine;
    if (!cli.matchedCommand) {
      if (parsed.args[0] !== undefined) throw noSuchCommand(parsed.args[0]);
      const [option] = Object.keys(parsed.options).filter((name) => !['--', 'json', 'h', 'v'].includes(name));
      if (option !== undefined) throw new CliError('usage', `There is no option --${option}`, 'See: wa-sync --help');
      cli.outputHelp();
      return EXIT.error;
    }
    const result: unknown = await cli.runMatchedCommand();
    return result as ExitCode;
  } catch (error) {
    output.fail(isParserError(error) ? explainUsage(error, asked()) : toCliError(error));
    return EXIT.error;
  }

  function asked(): Definition | undefined {
    return COMMANDS.find(({ usage }) => usage.split(' ')[0] === cli.matchedCommandName);
  }

  function define(command: CacCommand, definition: Definition): void {
    for (const [option, means] of definition.options) command.option(option, means);
    command.action((...given: unknown[]) => {
      const options = given.at(-1) as Record<string, unknown>;
      const argument = given.length > 1 && typeof given[0] === 'string' ? given[0] : undefined;
      return definition.run({ args, options, env, output }, argument);
    });
  }
}

const SWITCHES = new Set(
  COMMANDS.flatMap(({ options }) => options.map(([option]) => option)).filter((option) => !option.includes(' ')),
);
SWITCHES.add('--json');

/**
 * `--dry-run=true` as `--dry-run`, and `--dry-run=false` as nothing: the parser takes the text behind the equals sign
 * for an argument of the command, or for "not given", and would do what it should only have said.
 */
function readSwitches(args: readonly string[]): string[] {
  return args.flatMap((arg) => {
    const [option = '', value] = arg.split('=', 2);
    if (value === undefined || !SWITCHES.has(option)) return [arg];
    if (value === 'true') return [option];
    if (value === 'false') return [];
    throw new CliError('usage', `${option} takes no value`);
  });
}

const isParserError = (error: unknown): error is Error => error instanceof Error && error.name === 'CACError';

function noSuchCommand(name: string): CliError {
  const names = COMMANDS.map(({ usage }) => usage.split(' ')[0]).join(', ');
  return new CliError('usage', `There is no command ${name}`, `There are ${names}. See: wa-sync --help`);
}

/** What the parser says, in our words and with what the command takes. */
function explainUsage({ message }: Error, definition: Definition | undefined): CliError {
  if (!definition) return new CliError('usage', message, 'See: wa-sync --help');
  const name = definition.usage.split(' ')[0];
  const see = `See: wa-sync ${name} --help`;
  if (message.startsWith('missing required args')) {
    return new CliError('usage', `Something is missing: wa-sync ${definition.usage}`, see);
  }
  if (message.startsWith('Unused args')) {
    const extra = message.replace(/^Unused args: /, '').replaceAll('`', '');
    return new CliError('usage', `That is too much: ${extra}`, `It takes: wa-sync ${definition.usage}`);
  }
  if (message.startsWith('Unknown option')) {
    const options = ['--json', ...definition.options.map(([option]) => option.split(' ')[0])].join(', ');
    const option = /`(.*)`/.exec(message)?.[1] ?? '';
    // The parser keeps the name in camel case.
    const typed = option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return new CliError('usage', `${name} has no option ${typed}`, `It takes ${options}. ${see}`);
  }
  const missing = /^option `(\S+).*value is missing$/.exec(message)?.[1];
  return new CliError('usage', missing ? `${missing} takes a value` : message, see);
}
