import type { Definition } from './commands.js';

/** A part of what the parser would print. */
export interface HelpSection {
  title?: string;
  body: string;
}

const WORKS_ON = `  a running service   --url and --token, or WA_SYNC_URL and WA_SYNC_TOKEN
  a database          --database-url, or WA_SYNC_DATABASE_URL`;

const START = `  wa-sync demo                 see what it is for
  wa-sync doctor               is anything wrong, and what helps
  wa-sync <command> --help     options and examples of a command`;

const EXIT_CODES = `  0  in sync, or done
  2  a row is not true, or a change is pending
  1  the command could not do its work`;

/** The help as a whole, or that of one command, made from what the parser knows of the options. */
export function writeHelp(
  sections: readonly HelpSection[],
  { version, definition }: { version: string; definition: Definition | undefined },
): HelpSection[] {
  const bodyOf = (title: string) =>
    sections.find((section) => section.title === title)?.body.replace(/ +$/gm, '') ?? '';
  const does = definition ? definition.does : 'keeps the WhatsApp session status in your database true';
  const head = definition ? `${does}.` : `wa-sync ${version}: ${does}`;
  const usage = `  wa-sync ${definition ? `${definition.usage} [options]` : '<command> [options]'}`;
  const help: HelpSection[] = [{ body: head }, { title: 'Usage', body: usage }];
  if (!definition) help.push({ title: 'Commands', body: bodyOf('Commands') });
  help.push({ title: 'Options', body: bodyOf('Options') });
  if (!definition) help.push({ title: 'What it works on', body: WORKS_ON }, { title: 'To begin with', body: START });
  else help.push({ title: 'Examples', body: alignExamples(definition) });
  help.push({ title: 'Exit codes', body: EXIT_CODES });
  return help;
}

function alignExamples({ examples }: Definition): string {
  const width = Math.max(...examples.map(([line]) => line.length));
  return examples.map(([line, means]) => `  ${line.padEnd(width)}   # ${means}`).join('\n');
}
