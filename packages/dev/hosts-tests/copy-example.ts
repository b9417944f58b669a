import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';
import { root } from './pack-packages.js';

/** What a person copies: from a path in the app's folder to what the file holds. */
export type ExampleFiles = Readonly<Record<string, string>>;

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** The files of an example's `app/`, as git would take them: what is new counts, what is ignored does not. */
export async function readExample(name: string): Promise<ExampleFiles> {
  const folder = join(root, 'examples', name, 'app');
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: folder });
  const paths = listed.toString().trim().split('\n');
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(folder, path), 'utf8')])),
  );
}

export const manifestOf = (files: ExampleFiles): Manifest => JSON.parse(files['package.json'] ?? '{}');

/**
 * Imports of the app that a copy of the folder would not have: what its package.json does not name, and files beside
 * the folder.
 */
export function foreignImports(files: ExampleFiles): readonly string[] {
  const { dependencies, devDependencies } = manifestOf(files);
  const named = [...Object.keys(dependencies), ...Object.keys(devDependencies)];
  const isOwn = (path: string, word: string) => {
    if (word.startsWith('.')) return files[normalize(join(dirname(path), word)).replace(/\.js$/, '.ts')] !== undefined;
    if (word.startsWith('node:')) return builtinModules.includes(word.slice('node:'.length));
    return named.some((name) => word === name || word.startsWith(`${name}/`));
  };
  return Object.entries(files)
    .filter(([path]) => path.endsWith('.ts'))
    .flatMap(([path, text]) => {
      const words = ts.preProcessFile(text).importedFiles.map(({ fileName }) => fileName);
      return words.filter((word) => !isOwn(path, word)).map((word) => `${path} imports ${word}`);
    });
}

/**
 * `.env.example` with these values; each has to stand there, and what has no value and is none of them stays as it is.
 */
export function fillIn(example: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((text, [name, value]) => {
    const line = new RegExp(`^${name}=.*$`, 'm');
    if (!line.test(text)) throw new Error(`.env.example has no line ${name}=`);
    return text.replace(line, () => `${name}=${value}`);
  }, example);
}
