/**
 * Holds the tables of `docs/OPTIONS.md`, in both languages, against what `createWaSync` takes: names, ranges and
 * defaults.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import {
  type ConversationRecord,
  createMemoryStore,
  isWaSyncError,
  systemClock,
  systemRandom,
  type WaSyncOptions,
} from '../src/index.js';
import { parseConfig } from '../src/options/config.js';
import { closingPolicyOf, shortestInactiveMs } from '../src/options/inactivity-config.js';

const store = createMemoryStore();
const config = parseConfig({ store });

/** Options with one value at a place; what stands around it is left out. */
const only = (path: string, value: unknown): Record<string, unknown> =>
  path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Record<string, unknown>;

/** What the refusal of these options says, one part for each wrong key. */
function refusal(options: Record<string, unknown>): string[] {
  try {
    parseConfig(options as unknown as WaSyncOptions);
  } catch (error) {
    expect(isWaSyncError(error) && error.code).toBe('config_invalid');
    return (error as Error).message.split('; ');
  }
  return [];
}

/** The names below a place, as the refusal of an unknown one lists them; none where it takes no options. */
function namesBelow(path: string | null): string[] {
  const at = path === null ? '' : `${path}.`;
  const list = `Unknown option ${at}nothing: ${path ?? 'createWaSync'} takes `;
  const said = refusal({ store, ...only(`${at}nothing`, true) }).find((part) => part.startsWith(list));
  const names = said?.slice(list.length).split(', ') ?? [];
  return names.map((name) => `${at}${name}`);
}

const saysOf = (path: string, options: Record<string, unknown>) =>
  refusal(options).find((part) => part.startsWith(`Option ${path} `));
const figuresIn = (text: string) => [...text.replace(/(?<=\d)[.,](?=\d{3})/g, '').matchAll(/\d+/g)].map(String);

function isRequired(path: string): boolean {
  const group = path.split('.').slice(0, -1).join('.');
  return saysOf(path, group === '' ? {} : { store, ...only(group, {}) }) !== undefined;
}

/** What counts where an option is left out. */
async function defaultOf(path: string): Promise<unknown> {
  const { schedules } = config;
  const jobs = Object.fromEntries(Object.entries(schedules).map(([job, rule]) => [job, rule?.expression ?? false]));
  const policy = await closingPolicyOf(config.inactivity, {} as ConversationRecord);
  const follows = shortestInactiveMs({ ...config.inactivity, inactiveAfterMs: 123_456 }) === 123_456;
  const inactivity = {
    ...config.inactivity,
    ...policy,
    shortestInactiveMs: follows ? { name: 'inactiveAfterMs' } : undefined,
  };
  const replicaId = config.replicaId.replace(/(?<=-).{8}$/, '…');
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | null)?.[key], {
    ...config,
    replicaId,
    jobs,
    inactivity,
    logger: { name: defaultLogger() },
  });
}

/** The console, from the lowest level on that comes out there. */
function defaultLogger(): string | undefined {
  const levels = ['debug', 'info', 'warn', 'error'] as const;
  const spied = levels.map((level) => vi.spyOn(console, level).mockImplementation(() => {}));
  try {
    for (const level of levels) config.logger[level]({}, 'a line');
    const lowest = levels.find((_, at) => spied[at]?.mock.calls[0]?.[0] === '[wa-sync] a line');
    return lowest && `consoleLogger({ level: '${lowest}' })`;
  } finally {
    for (const spy of spied) spy.mockRestore();
  }
}

const NAMED = { systemClock, systemRandom };

/** The schema hands out a copy of its default, made of the same functions. */
function nameOf(value: object): string | undefined {
  const same = (named: object) =>
    Object.entries(named).every(([key, made]) => (value as Record<string, unknown>)[key] === made);
  return Object.entries(NAMED).find(([, named]) => same(named))?.[0] ?? (value as { name?: string }).name;
}

/** A default as the table shows it. */
function shown(value: unknown, language: string): string {
  if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) return '–';
  if (typeof value === 'number') return value.toLocaleString(language);
  if (typeof value === 'string') return `\`'${value}'\``;
  if (typeof value === 'object') return `\`${nameOf(value)}\``;
  return `\`${value}\``;
}

describe.each([
  { page: 'OPTIONS.md', language: 'en-US', required: 'required' },
  { page: 'OPTIONS.pt-BR.md', language: 'pt-BR', required: 'obrigatório' },
])('docs/$page', ({ page, language, required }) => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs', page), 'utf8');
  const rows = [...text.matchAll(/^\| `([a-z]\w*(?:\.\w+)*)` \| (.*?) \| (.*?) \| .+ \|$/gim)].map(
    ([, path = '', takes = '', byDefault = '']) => ({ path, takes, byDefault }),
  );
  const known = rows.map(({ path }) => path);

  it('names every option once, and no other', () => {
    const unnamed = (path: string): string[] => {
      if (known.includes(path)) return [];
      const below = namesBelow(path);
      return below.length === 0 ? [path] : below.flatMap(unnamed);
    };
    expect(namesBelow(null).length).toBeGreaterThan(10);
    expect(namesBelow(null).flatMap(unnamed)).toEqual([]);
    const exists = (path: string) => namesBelow(path.split('.').slice(0, -1).join('.') || null).includes(path);
    expect(known.filter((path, index) => !exists(path) || known.indexOf(path) !== index)).toEqual([]);
  });

  it.each(rows)('says of $path what counts where it is left out', async ({ path, byDefault }) => {
    expect(byDefault).toBe(isRequired(path) ? required : shown(await defaultOf(path), language));
  });

  it.each(rows)('gives the range of $path, whose wrong value is a config_invalid that names it', ({ path, takes }) => {
    const said = saysOf(path, { store, ...only(path, Number.NaN) });
    expect(said).toBeDefined();
    expect(figuresIn(takes)).toEqual(figuresIn(said?.slice(`Option ${path} `.length) ?? ''));
  });
});
