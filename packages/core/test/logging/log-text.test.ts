import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { consoleLogger, loggableError, maskNumbers, plainText, WaSyncError } from '../../src/index.js';

const FORBIDDEN = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
/** Texts in which what a terminal obeys is not rare. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\u001b[31m', '\u009b2J', '\u001b]0;title\u0007', '\n', '\r', '\u202e', '\u2028', '\ud83d', '\0'),
    ),
  )
  .map((parts) => parts.join(''));

describe('a text for a terminal', () => {
  it('holds no character that a terminal obeys, and loses nothing else', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const plain = plainText(text);
        expect(plain).not.toMatch(FORBIDDEN);
        expect(plain).not.toMatch(/\p{Cs}/u);
        expect(plainText(plain)).toBe(plain);
      }),
    );
    expect(plainText('São Paulo 🟢 日本 é\u0301 👩‍👩‍👧')).toBe('São Paulo 🟢 日本 é\u0301 👩‍👩‍👧');
  });

  it('is what the console logger writes, whatever an error holds', () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, (message, words, code) => {
        const lines: string[] = [];
        const note = (line: string) => void lines.push(line);
        const logger = consoleLogger({ target: { debug: note, info: note, warn: note, error: note } });
        const cause = Object.assign(new Error(words), { code, name: words, stack: `${words}\n    at ${words}` });
        logger.error({ err: new Error(words, { cause }) }, message);
        expect(lines.length).toBeGreaterThan(0);
        for (const line of lines) expect(line).not.toMatch(FORBIDDEN);
      }),
    );
  });
});

describe('numbers in a text', () => {
  it.each([
    ['5511999991234@s.whatsapp.net', '…1234@s.whatsapp.net'],
    ['5511999991234:12@s.whatsapp.net', '…1234:12@s.whatsapp.net'],
    ['session-5511999991234', 'session-…1234'],
    ['wa5511999991234x', 'wa…1234x'],
    ['+55 (11) 99999-1234 called', '…1234 called'],
    ['+5511999991234', '…1234'],
    ['11999991234', '…1234'],
    ['123456789012345@lid', '…2345@lid'],
  ])('are masked: %s', (text, masked) => {
    expect(maskNumbers(text)).toBe(masked);
    expect(maskNumbers(masked)).toBe(masked);
    expect(new WaSyncError('import_invalid', `Row ${text}`).message).toBe(`Row ${masked}`);
    expect(loggableError(new Error(text)).message).toBe(masked);
  });

  it.each([
    '550e8400-e29b-41d4-a716-446655440000',
    '55084000-1234-4123-8123-446655440000',
    '64B7F1234567890ABCDEF123',
    '9e107d9d372bb6826bd81d3542a419d6',
    '4711',
    '123456',
    'takes a number up to 3,600,000',
  ])('stay whole where they are an id: %s', (id) => {
    expect(maskNumbers(id)).toBe(id);
    expect(maskNumbers(`Session ${id}: opened for 5511999991234`)).toBe(`Session ${id}: opened for …1234`);
  });

  it('are never left whole beside an id, and a uuid never loses a digit', () => {
    const digits = fc.integer({ min: 1_000_000_000, max: 999_999_999_999_999 }).map(String);
    fc.assert(
      fc.property(fc.uuid(), digits, fc.constantFrom(' ', ':', '/', '@', '_', '+'), (id, number, between) => {
        expect(maskNumbers(`${id}${between}${number}`)).toBe(
          `${id}${between === '+' ? '' : between}…${number.slice(-4)}`,
        );
      }),
    );
  });
});

describe('what was thrown', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'plain words'],
    ['an object', { secret: 'SECRET' }],
    [
      'an error whose parts throw',
      Object.defineProperty(new Error('x'), 'message', {
        get: () => {
          throw new Error();
        },
      }),
    ],
    [
      'an error without a message at several addresses',
      new AggregateError([new Error('refused ::1'), new Error('refused 127.0.0.1')]),
    ],
  ])('becomes an Error with words: %s', (_, thrown) => {
    const error = loggableError(thrown);
    expect(error).toBeInstanceOf(Error);
    expect(error.message).not.toBe('');
    expect(JSON.stringify([error.message, error.stack])).not.toContain('SECRET');
  });

  it('ends where causes form a circle', () => {
    const error = new Error('round');
    error.cause = error;
    let depth = 0;
    for (let at: unknown = loggableError(error); at instanceof Error; at = at.cause) depth += 1;
    expect(depth).toBeLessThan(10);
  });
});
