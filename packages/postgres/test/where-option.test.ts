import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/driver/config.js';
import type { RowsWhere } from '../src/driver/rows-where.js';
import { prismaConversation, prismaWhatsAppSession } from '../src/index.js';

const pool = { query: async () => ({ rows: [] }), connect: async () => ({}) } as never;
const parse = (where: unknown) =>
  parseConfig({
    pool,
    mirror: {
      sessions: { ...prismaWhatsAppSession(), where: where as RowsWhere },
      conversations: { ...prismaConversation(), where: where as RowsWhere },
    },
  }).mirror;

describe('the option where', () => {
  it('takes columns with a value or several', () => {
    const where = { channel: 'whatsapp', isGroup: false, company: [1, null] };
    const columns = [
      ['channel', ['whatsapp']],
      ['isGroup', [false]],
      ['company', [1, null]],
    ];
    const read = parse(where);
    expect(read.sessions?.where).toEqual(columns);
    expect(read.conversations?.where).toEqual(columns);
    where.company.push(2);
    expect(read.sessions?.where).toEqual(columns);
    expect(parse(undefined).sessions?.where).toBeUndefined();
  });

  // Each of these would leave a part of the filter out, so that rows of others are written.
  it.each<[string, unknown, string]>([
    ['a value that is not there', { channel: undefined }, 'takes for channel a text'],
    ['one of a list', { channel: ['a', undefined] }, 'takes for channel a text'],
    ['a hole in a list', { channel: new Array(1) }, 'takes for channel a text'],
    ['no column', {}, 'leave it out where all rows are ours'],
    ['an empty list', { channel: [] }, 'takes at least one value for channel'],
    ['a list', ['channel'], 'takes columns'],
    ['SQL', `channel = 'whatsapp'`, 'takes columns'],
    ['null', null, 'takes columns'],
    ['a Map', new Map([['channel', 'whatsapp']]), 'leave it out where all rows are ours'],
    ['an object as a value', { channel: { not: 'mail' } }, 'takes for channel a text'],
    ['a list in a list', { channel: [['a']] }, 'takes for channel a text'],
    ['a Date', { since: new Date(0) }, 'takes for since a text'],
    ['a bigint', { company: 1n }, 'takes for company a text'],
    ['NaN', { company: Number.NaN }, 'takes for company a text'],
    ['a NUL', { channel: 'a\0' }, 'takes for channel a text'],
    ['half a pair of surrogates', { channel: '\ud800' }, 'takes for channel a text'],
    ['a text of 256 characters', { channel: 'x'.repeat(256) }, 'takes for channel a text'],
    ['a name with a quote', { 'a" = 1 OR "a': 'x' }, 'takes names of columns'],
    ['an empty name', { '': 'x' }, 'takes names of columns'],
  ])('refuses %s', (_, where, words) => {
    expect(() => parse(where)).toThrow(
      expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining(words) }),
    );
    expect(() => parse(where)).toThrow('Option mirror.sessions.where takes');
    expect(() => parse(where)).toThrow('Option mirror.conversations.where takes');
  });

  it('keeps a column whose name is one of JavaScript’s own', () => {
    expect(parse(JSON.parse('{"__proto__": "x", "constructor": "y"}')).sessions?.where).toEqual([
      ['__proto__', ['x']],
      ['constructor', ['y']],
    ]);
  });
});
