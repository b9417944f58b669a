import { basename } from 'node:path';
import { expect, it } from 'vitest';
import { listPages, read } from './read-docs.js';

/** What no host has to follow step by step is in English alone. */
const ENGLISH_ALONE = ['ADDING-AN-ADAPTER', 'ARCHITECTURE', 'EVENTS', 'GUARANTEES', 'METRICS'].map(
  (name) => `docs/${name}.md`,
);

const portuguese = (page: string) => page.replace('.md', '.pt-BR.md');
const pages = listPages();
const guides = pages.filter((page) => /^docs\/[A-Z-]+\.md$/.test(page) && !ENGLISH_ALONE.includes(page));
const pairs = pages.filter((page) => pages.includes(portuguese(page)));

const BLOCK = /^ *```.*?^ *```$/gms;
/** Comments are prose too. */
const withoutComments = (block: string) => block.replace(/ *(?:\/\/|#) .*$/gm, '').trim();
const codesIn = (text: string) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);

/** A row by what its first cell holds beside prose: `F01`, or code. */
const rowOf = (cell: string) => `| ${/^[A-Z]\d+$/.test(cell) ? cell : codesIn(cell).join(' ')}`;

/**
 * What a page is beside its prose, in order: the level of each heading, the code of each block, the rows of each
 * table.
 */
function shapeOf(page: string): string[] {
  const parts = read(page).matchAll(/^(#{1,6}) |^ *```.*?^ *```$|^\|(?! ?-) *(.*?) *\|/gms);
  return [...parts].map(
    ([part, heading, cell]) => heading ?? (cell === undefined ? withoutComments(part) : rowOf(cell)),
  );
}

/** What a page says outside of its blocks. Tests that hold a promise are named in English alone. */
const proseOf = (page: string) =>
  read(page)
    .replace(BLOCK, '')
    .replace(/`(?:packages|examples)\/[^`]+\.ts`(?: “[^”]*”)?/g, '');
/** Every name in code: options, events, error codes, variables. */
const namesIn = (page: string) => codesIn(proseOf(page));
/** Every figure, without points and commas: they stand for each other. */
const figuresIn = (page: string) =>
  [...proseOf(page).matchAll(/\d(?:[\d.,]*\d)?/g)].map(([figure]) => figure.replace(/[.,]/g, ''));
const linksIn = (page: string) => [...read(page).matchAll(/\]\(([^)#\s]+)/g)].map(([, target = '']) => target);

it('every guide for hosts is there in Portuguese', () => {
  expect(guides.length).toBeGreaterThan(10);
  expect(guides.filter((page) => !pairs.includes(page))).toEqual([]);
});

it('what is for other readers is there in English alone', () => {
  expect(ENGLISH_ALONE.filter((page) => !pages.includes(page) || pages.includes(portuguese(page)))).toEqual([]);
});

it.each(pairs)('%s is in step with its Portuguese page, and each leads to the other', (page) => {
  const sibling = portuguese(page);
  expect(shapeOf(sibling)).toEqual(shapeOf(page));
  for (const saidIn of [namesIn, figuresIn]) {
    const known = saidIn(sibling);
    expect(
      saidIn(page).filter((said) => !known.includes(said)),
      `what ${sibling} lacks`,
    ).toEqual([]);
  }
  expect(linksIn(page)).toContain(basename(sibling));
  expect(linksIn(sibling)).toContain(basename(page));
});

it.each(pairs.map(portuguese))('%s leads to Portuguese pages where there are some', (page) => {
  const translated = guides.map((guide) => basename(guide)).filter((name) => name !== 'README.md');
  const others = linksIn(page).filter((target) => portuguese(basename(target)) !== basename(page));
  expect(others.filter((target) => translated.includes(basename(target)))).toEqual([]);
});
