/** Every call and every flag that a page names in passing exists: a page must not send people to what is not there. */
import { createMemoryStore, createWaSync } from '@wa-sync/core';
import { createPostgresStore } from '@wa-sync/postgres';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../cli/src/command-line/commands.js';
import { listPages, read } from './read-docs.js';

// The page of the fake server calls that server `wa`.
const pages = listPages().filter((page) => !/CHANGELOG\.md$|fake-whatsapp\/README\.md$/.test(page));
const inline = (text: string) =>
  [...text.replace(/^ *```.*?^ *```/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);

const roots: Readonly<Record<string, object>> = {
  wa: createWaSync({ store: createMemoryStore() }),
  store: createPostgresStore({ pool: new pg.Pool() }),
};
const member = (value: unknown, name: string | undefined): unknown =>
  name === undefined ? value : (value as Record<string, unknown> | undefined)?.[name];

/** Calls of a text that are not there; a file such as `store.test.ts` is no call. */
function unknownCalls(text: string): string[] {
  return inline(text).flatMap((code) =>
    [...code.matchAll(/(?<![\w./-])(wa|store)\.([a-zA-Z]+)(?:\.([a-zA-Z]+))?(?!\w*\.ts)/g)].flatMap(
      ([call, root = '', first, second]) =>
        code.endsWith('.ts') || member(member(roots[root], first), second) !== undefined ? [] : [call],
    ),
  );
}

const commands = Object.values(COMMANDS);
const words = new Set(commands.map(({ usage }) => usage.split(' ')[0]));
const flags = new Set(commands.flatMap(({ options }) => options.flatMap(([flag]) => flag.match(/--[a-z-]+/g) ?? [])));
/** Those of every command. */
for (const flag of ['--help', '--version', '--json', '--no-color']) flags.add(flag);

/** Commands and flags of the command-line tool that are not there. */
function unknownFlags(text: string): string[] {
  return inline(text).flatMap((code) => {
    const [, word = '', rest = ''] = /^(?:npx )?wa-sync ([a-z]+)(.*)$/.exec(code) ?? [];
    if (word === '') return [];
    const wrong = (rest.split(/[|>;&]/)[0]?.match(/--[a-z-]+/g) ?? []).filter((flag) => !flags.has(flag));
    return words.has(word) ? wrong : [word];
  });
}

describe('what a page names exists', () => {
  it.each(pages)('%s', (page) => {
    expect([...unknownCalls(read(page)), ...unknownFlags(read(page))]).toEqual([]);
  });

  it('and what does not is found', () => {
    expect(unknownCalls('`wa.sessions.erase` or `await store.nothing()`')).toEqual([
      'wa.sessions.erase',
      'store.nothing',
    ]);
    expect(unknownFlags('`wa-sync dance`, `npx wa-sync sync --all --hard`')).toEqual(['dance', '--hard']);
  });
});
