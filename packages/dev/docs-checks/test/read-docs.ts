import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const root = fileURLToPath(new URL('../../../..', import.meta.url));

/** A fenced block of a page. */
export interface Fence {
  readonly language: string;
  /** `title=…` behind the language: the file that it is. */
  readonly title: string | null;
  readonly code: string;
  /** Line of the page on which the code begins. */
  readonly line: number;
}

export const read = (page: string) => readFileSync(join(root, page), 'utf8');

const entries = (folder: string) => readdirSync(join(root, folder), { withFileTypes: true });
const foldersIn = (folder: string) =>
  entries(folder).flatMap((entry) => (entry.isDirectory() ? [`${folder}/${entry.name}`] : []));

/** Every page in Markdown that people read, from the root of the repository. */
export function listPages(): string[] {
  const folders = ['.', 'docs', ...foldersIn('docs'), ...foldersIn('packages'), ...foldersIn('examples')];
  return folders.flatMap((folder) =>
    entries(folder).flatMap(({ name }) => (name.endsWith('.md') ? [join(folder, name)] : [])),
  );
}

/**
 * The fenced blocks of a page, those within a list too; a fence that is written in another way is an error, so that no
 * block is left out.
 */
export function fencesOf(page: string): Fence[] {
  const text = read(page);
  const found = [...text.matchAll(/^( *)```(\S*)(?: title=(\S+))?\n(.*?)^\1```$/gms)];
  const marks = text.match(/^\s*(?:```|~~~)/gm)?.length ?? 0;
  if (marks !== found.length * 2) throw new Error(`${page} has a fence that is not read: write \`\`\`language`);
  return found.map(([, indent = '', language = '', title = null, code = ''], index) => ({
    language,
    title,
    code: code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    line: text.slice(0, found[index]?.index).split('\n').length + 1,
  }));
}
