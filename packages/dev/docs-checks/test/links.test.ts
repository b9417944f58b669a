import { existsSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { listPages, read, root } from './read-docs.js';

/** What GitHub makes of a heading. */
function anchorOf(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

const withoutCode = (text: string) => text.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '``');
const anchorsOf = (page: string) =>
  [
    ...read(page)
      .replace(/^```.*?^```$/gms, '')
      .matchAll(/^#{1,6} (.+)$/gm),
  ].map(([, text]) => anchorOf(text ?? ''));

function problemsOf(page: string): string[] {
  // Code in a link's own text is read, code elsewhere is not.
  const text = withoutCode(read(page));
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = '']) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : relative(root, join(root, dirname(page), path));
    if (file.startsWith('..') || !existsSync(join(root, file))) return [`${page}: there is no ${target}`];
    if (anchor === undefined || statSync(join(root, file)).isDirectory()) return [];
    return anchorsOf(file).includes(anchor) ? [] : [`${page}: ${file} has no heading ${anchor}`];
  });
}

it('every link inside the repository leads somewhere', () => {
  const pages = listPages();
  expect(pages.length).toBeGreaterThan(15);
  expect(pages.flatMap(problemsOf)).toEqual([]);
});

it('the index names every guide', () => {
  const index = read('docs/README.md');
  const guides = listPages().filter((page) => /^docs\/[A-Z-]+\.md$/.test(page) && page !== 'docs/README.md');
  expect(guides.filter((page) => !index.includes(`(${page.slice('docs/'.length)})`))).toEqual([]);
});

it('every package has a README that says how to install it', () => {
  const readmes = listPages().filter((page) => /^packages\/.*README\.md$/.test(page));
  const published = ['baileys', 'cli', 'core', 'fake-whatsapp', 'http', 'postgres', 'redis', 'testing'];
  expect(published.filter((name) => !readmes.includes(`packages/${name}/README.md`))).toEqual([]);
  for (const page of readmes) expect(read(page)).toMatch(/npm install|npx /);
});
