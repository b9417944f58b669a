import { fencesOf } from '../docs-checks/test/read-docs.js';
import { ownTarballs } from './create-host-app.js';

/** The code of a page, fence by fence. */
export const readFences = (page: string, language: string): string[] =>
  fencesOf(page).flatMap((fence) => (fence.language === language ? [fence.code] : []));

/** The one fence that holds `part`. */
export function readFence(page: string, language: string, part: string): string {
  const found = readFences(page, language).filter((code) => code.includes(part));
  if (found.length !== 1) throw new Error(`${page} has ${found.length} blocks of ${language} with ${part}, not one`);
  return found.join();
}

/**
 * The words of the page's `npm install` line: tarballs in the place of our names, as the page says, and each other
 * package in a version that is fixed, or the run would change with the registry's day. `left` are words that the page
 * has a host leave out.
 */
export function readInstallLine(
  page: string,
  versions: Readonly<Record<string, string>>,
  left: readonly string[] = [],
): string[] {
  const words = readFence(page, 'sh', 'npm install @wa-sync/').trim().split(/\s+/).slice(2);
  const isOurs = (word: string) => word.startsWith('@wa-sync/');
  const others = words.filter((word) => !isOurs(word) && !left.some((name) => word.startsWith(`${name}@`)));
  return [...Object.values(ownTarballs(words.filter(isOurs))), ...others.map((word) => fix(word, versions))];
}

function fix(word: string, versions: Readonly<Record<string, string>>): string {
  if (word.lastIndexOf('@') > 0) return word;
  if (versions[word] === undefined) throw new Error(`The test names no version of ${word}`);
  return `${word}@${versions[word]}`;
}
