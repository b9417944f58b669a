import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../read-docs.js';

/** One command of a shell block. */
export interface Command {
  readonly text: string;
  /** Exit codes that the page allows for: 0, and the one that its comment names. */
  readonly codes: readonly number[];
}

/** The commands of a shell block, without their comments; a line that ends with a backslash goes on. */
export function commandsIn(code: string): Command[] {
  const lines = code.replaceAll('\\\n', ' ').split('\n');
  return lines.flatMap((line) => {
    const [text = '', comment = ''] = line.split(/ +# /);
    const [, named] = /exit code (\d+)/.exec(comment) ?? [];
    if (text.trim() === '' || text.startsWith('#')) return [];
    return [{ text: text.trim(), codes: named === undefined ? [0] : [0, Number(named)] }];
  });
}

const manifestIn = (folder: string): { name?: string; private?: boolean; scripts?: Record<string, string> } =>
  JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));

/**
 * What is wrong with an `npm install`: each package is one that we publish, or stands in the lockfile, in the version
 * that the line names.
 */
export function problemsOfInstall(command: string): string[] {
  const ours = ['packages', 'examples'].flatMap((parent) =>
    readdirSync(join(root, parent))
      .map((name) => join(parent, name))
      .filter((folder) => existsSync(join(root, folder, 'package.json')))
      .flatMap((folder) => {
        const { name, private: hidden } = manifestIn(folder);
        return hidden === true ? [] : [name];
      }),
  );
  const lockfile = readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8');
  const words = command.split(/\s+/).slice(2);
  const wrong = words.filter((word) => word.startsWith('-') && !['--save-dev', '--global'].includes(word));
  for (const word of words.filter((each) => !each.startsWith('-'))) {
    const [, name = '', version] = /^(@?[^@]+)(?:@(.+))?$/.exec(word) ?? [];
    if (ours.includes(name) && version === undefined) continue;
    // An alias, such as the unscoped `baileys`, stands with the importer that has it.
    const locked = [`\n  '${name}@${version ?? ''}`, `\n  ${name}@${version ?? ''}`, `@${version}(`];
    const alias = new RegExp(`\\n {6}'?${name}'?:\\n {8}specifier: npm:\\S+@${version?.replaceAll('.', '\\.')}\\n`);
    if (!locked.slice(0, 2).some((entry) => lockfile.includes(entry)) && !alias.test(lockfile)) wrong.push(word);
  }
  return wrong.map((word) => `${command}: ${word}`);
}

/** What is wrong with an `npm run`: the root of the repository has no such script. */
export function problemsOfRun(command: string): string[] {
  const [, script = 'test'] = /npm (?:run (\S+)|test)/.exec(command) ?? [];
  return manifestIn('.').scripts?.[script] === undefined ? [`${command}: no script ${script}`] : [];
}
