import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { COMMANDS } from '../src/command-line/commands.js';
import { createOutput } from '../src/terminal/output.js';
import { runCli } from './run-cli.js';

// Each test starts processes, which takes seconds where others work too.
vi.setConfig({ testTimeout: 60_000 });

const docs = readFileSync(new URL('../../../docs/CLI.md', import.meta.url), 'utf8');
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe('the help', () => {
  it('names every command, and ends with 0', async () => {
    const { code, out } = await runCli(['--help']);
    expect(code).toBe(0);
    for (const { usage, does } of COMMANDS)
      expect(out).toMatch(new RegExp(`${usage.replace(/[[\]]/g, '\\$&')} +${does}`));
    expect(out).toContain('Exit codes:');
    expect((await runCli(['--version'])).out).toMatch(/^wa-sync\/\d+\.\d+\.\d+/);
  });

  it('shows the options and examples of a command, without doing it', async () => {
    const { code, out } = await runCli(['cleanup', '--help'], { WA_SYNC_URL: 'http://127.0.0.1:1' });
    expect(code).toBe(0);
    for (const text of ['--dry-run', '--yes', '--token <token>', 'Examples:', 'wa-sync cleanup --dry-run']) {
      expect(out).toContain(text);
    }
  });

  it('is what docs and README say', () => {
    const rows = [...docs.matchAll(/^\| `wa-sync ([^`]+)` *\| (.*?) *\|/gm)].map(([, usage, does]) => [usage, does]);
    expect(rows).toEqual(COMMANDS.map(({ usage, does }) => [usage, does]));
    const named = [...docs.matchAll(/`(--[a-z-]+)/g)].map(([, option]) => option);
    const known = COMMANDS.flatMap(({ options }) => options.map(([option]) => option.split(' ')[0]));
    const always = ['--json', '--help', '--version'];
    expect(new Set(named)).toEqual(new Set([...known, ...always]));
    for (const { usage } of COMMANDS) expect(readme).toContain(`wa-sync ${usage.split(' ')[0]}`);
  });
});

describe('the output', () => {
  const write = (json: boolean, color: boolean) => {
    let text = '';
    const sink = {
      write(part: string) {
        text += part;
      },
    };
    const output = createOutput({ out: sink, error: sink, json, color });
    output.table(
      ['a', 'long title'],
      [
        ['wide cell', 'ERROR'],
        ['ü', '\u001b[2J'],
      ],
    );
    output.line(output.paint('green', 'line'));
    output.document({ a: 1 });
    return text;
  };

  it('lines its columns up and paints only where it may', () => {
    expect(write(false, false)).toBe('a          long title\nwide cell  ERROR\nü          \\u001b[2J\nline\n');
    expect(write(false, true)).toContain('\u001b[31mwide cell  ERROR\u001b[0m');
    expect(JSON.parse(write(true, true))).toEqual({ a: 1 });
  });
});

describe('demo', () => {
  it('needs nothing, and ends with every row true', async () => {
    const { code, out, error } = await runCli(['demo']);
    expect([code, error]).toEqual([0, '']);
    expect(out).toContain('that is the lie');
    expect(out).toMatch(/was DISCONNECTED, is CONNECTED, corrected/);
    expect(out).toContain('Every row is true');
  });

  it('gives the same to programs', async () => {
    const { code, out } = await runCli(['demo', '--json']);
    expect([code, JSON.parse(out)]).toMatchObject([0, { inSync: true, sessions: [{}, {}, { stored: 'LOGGED_OUT' }] }]);
  });
});
