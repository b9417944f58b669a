import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const root = fileURLToPath(new URL('../../..', import.meta.url));

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

/** The fenced blocks of a page. */
export function fencesOf(page: string): Fence[] {
  const text = read(page);
  return [...text.matchAll(/^```(\S*)(?: title=(\S+))?\n(.*?)^```$/gms)].map((match) => ({
    language: match[1] ?? '',
    title: match[2] ?? null,
    code: match[3] ?? '',
    line: text.slice(0, match.index).split('\n').length + 1,
  }));
}
