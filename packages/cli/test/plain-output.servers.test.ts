import { execFileSync } from 'node:child_process';
import { WaSyncError } from '@wa-sync/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runCommandLine } from '../src/command-line/command-line.js';
import { quoteForShell } from '../src/target/read-target.js';
import { CliError, toCliError } from '../src/terminal/cli-error.js';
import { createOutput } from '../src/terminal/output.js';

const hostile = fc
  .array(
    fc.oneof(
      fc.string(),
      fc.constantFrom('\u001b[31m', '\u001b]0;x\u0007', '\u009b2J', '\r', '\n', '\u202e', "'", '$(id)'),
    ),
  )
  .map((parts) => parts.join(''));
const OBEYED = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;

describe('what a command prints', () => {
  it.each([true, false])('holds no escape sequence of a remote text; colors: %s', (color) => {
    fc.assert(
      fc.property(hostile, (text) => {
        const parts: string[] = [];
        const sink = { write: (part: string) => void parts.push(part), isTTY: false };
        for (const json of [false, true]) {
          const output = createOutput({ out: sink, error: sink, json, color });
          output.line(output.paint('red', text));
          output.line(`a ${text}`);
          output.table(['session', text], [[text, 'ERROR']]);
          output.document({ [text]: text });
          output.fail({ code: text, message: text, fix: text });
        }
        const written = parts.join('');
        // biome-ignore lint/suspicious/noControlCharactersInRegex: our own colors are what is taken out
        const rest = written.replace(/\u001b\[(?:0|1|2|31|32|33)m/g, '').replaceAll('\n', '');
        if (color) expect(rest).not.toMatch(OBEYED);
        else expect(written.replaceAll('\n', '')).not.toMatch(OBEYED);
      }),
    );
  });

  it('is one word of a shell where it is to be pasted', () => {
    for (const id of ["o'brien; touch x", '$(id)', '`id`', 'a\\b', 'x\u202ey', "it's \u202e\\n", '日本'])
      expect(
        execFileSync('bash', ['-c', `printf %s ${quoteForShell(id)}`], { env: { LC_ALL: 'C.UTF-8' } }).toString(),
      ).toBe(id);
  });
});

describe('an error', () => {
  function open(json: boolean) {
    const parts: string[] = [];
    const sink = { write: (part: string) => void parts.push(part) };
    return { output: createOutput({ out: sink, error: sink, json, color: false }), written: () => parts.join('') };
  }

  it.each([true, false])('shows no whole phone number, whatever threw it; JSON: %s', (json) => {
    const text = 'no row for 5511999991234 or +55 (11) 99999-1234';
    for (const thrown of [
      new Error(text),
      new TypeError(text),
      text,
      new CliError('x', text),
      new WaSyncError('store_rights', text),
    ]) {
      const { output, written } = open(json);
      output.fail(toCliError(thrown));
      expect(written()).toContain('no row for …1234 or …1234');
    }
  });

  it.each([
    ['cleanup', '--after-days', 'minus', /--after-days takes a whole number from 1 to 3650 /],
    ['cleanup', '--after-days', '0', /--after-days takes a whole number from 1 to 3650 /],
    ['inactive', '--inactive-hours', 'many', /--inactive-hours takes a whole number from 1 to 8760 /],
    ['cleanup', '--after-days', '7', /--after-days is about a database/],
    ['inactive', '--inactive-hours', '7', /--inactive-hours is about a database/],
  ])('of %s %s %s without a database names what is wrong with it', async (command, option, value, says) => {
    const { output, written } = open(false);
    expect(await runCommandLine({ args: [command, option, value], env: {}, version: '0', output })).toBe(1);
    expect(written()).toMatch(says);
  });
});
