import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './pack-packages.js';

/** The code of a page, fence by fence. */
export async function readFences(page: string, language: string): Promise<string[]> {
  const text = await readFile(join(root, page), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, code]) => code ?? '');
}
