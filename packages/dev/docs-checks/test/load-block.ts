import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { fencesOf, root } from './read-docs.js';

/** The one `ts` block of a page that holds these words. */
export function blockWith(page: string, words: string): string {
  const found = fencesOf(page).filter(({ language, code }) => language === 'ts' && code.includes(words));
  const [block] = found;
  if (block === undefined || found.length > 1) throw new Error(`${page} has no block, or several, with ${words}`);
  return block.code;
}

/**
 * Loads code of a page as a module of this package, so that its imports are found; what it exports is for the caller
 * to name.
 */
export async function loadCode(code: string): Promise<unknown> {
  const dist = join(root, 'packages/dev/docs-checks/dist');
  await mkdir(dist, { recursive: true });
  const folder = await mkdtemp(join(dist, 'block-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'block.ts');
  await writeFile(file, code);
  return import(/* @vite-ignore */ file);
}
