import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { type BinaryNode, decodeDecompressedBinaryNode, encodeBinaryNode } from '@whiskeysockets/baileys';
import * as constants from '@whiskeysockets/baileys/lib/WABinary/constants.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeNode } from '../src/wire/decode-node.js';
import { DICTIONARY_2_TOKENS } from '../src/wire/dictionary-2.js';
import { DICTIONARY_3_TOKENS } from '../src/wire/dictionary-3.js';
import { encodeNode } from '../src/wire/encode-node.js';
import { tokenDictionary } from '../src/wire/token-dictionary.js';

const VERSIONS = [
  // The digest of the lists in Baileys 6.17.16, whose own codec the tests of old hosts run against this one.
  {
    version: 2,
    tokens: DICTIONARY_2_TOKENS,
    digest: '5ce3eb02a5fb63e622cf8f9f93c8351584228069b1cf2e38d51d42a8804038a0',
  },
  {
    version: 3,
    tokens: DICTIONARY_3_TOKENS,
    digest: 'ba31fe69ed88097534016a30217f3d92cbec2abb008c750e57c7798b086bb1b2',
  },
];
const listOf = (tokens: string) => tokens.trim().split(/\s/);

it('dictionary 3 is the one of this Baileys', () => {
  expect(listOf(DICTIONARY_3_TOKENS)).toEqual([
    ...constants.SINGLE_BYTE_TOKENS.slice(1),
    ...constants.DOUBLE_BYTE_TOKENS.flat(),
  ]);
});

describe.each(VERSIONS)('stanzas in dictionary $version', ({ version, tokens, digest }) => {
  const dictionary = tokenDictionary(version);
  const words = listOf(tokens);
  // Baileys' codec with the words of this dictionary in place of its own.
  const pages = Array.from({ length: 4 }, (_, page) => words.slice(235 + page * 256, 235 + (page + 1) * 256));
  const baileysWords = {
    TAGS: constants.TAGS,
    SINGLE_BYTE_TOKENS: ['', ...words.slice(0, 235)],
    DOUBLE_BYTE_TOKENS: pages,
    // Without a prototype: Baileys takes "toString" for a token.
    TOKEN_MAP: Object.assign(
      Object.create(null),
      Object.fromEntries([
        ...words.slice(0, 235).map((word, index) => [word, { index: index + 1 }] as const),
        ...pages.flatMap((page, dict) => page.map((word, index) => [word, { dict, index }] as const)),
      ]),
    ),
  } as unknown as typeof constants;
  const baileysEncode = (node: BinaryNode) => encodeBinaryNode(node, baileysWords);
  const baileysDecode = (bytes: Buffer) => decodeDecompressedBinaryNode(bytes.subarray(1), baileysWords);

  const digits = fc.stringMatching(/^[1-9]\d{6,14}$/);
  const servers = fc.constantFrom('s.whatsapp.net', 'lid', 'hosted', 'hosted.lid', 'g.us', 'c.us', 'broadcast');
  const jids = fc.oneof(
    fc
      .tuple(digits, fc.integer({ min: 1, max: 255 }), fc.constantFrom('s.whatsapp.net', 'lid', 'hosted.lid'))
      .map(([user, device, server]) => `${user}:${device}@${server}`),
    fc.tuple(fc.oneof(digits, fc.constant(''), fc.constant('status')), servers).map((parts) => parts.join('@')),
  );
  const strings = fc.oneof(
    fc.constantFrom(...words),
    jids,
    fc.stringMatching(/^[0-9.-]{1,127}$/),
    fc.stringMatching(/^[0-9A-F]{1,127}$/),
    fc.string({ unit: 'grapheme', maxLength: 300 }).filter((text) => !text.includes('@')),
  );
  const names = strings.filter((text) => text !== '' && text !== '__proto__');
  const stanzas = fc.letrec<{ stanza: BinaryNode }>((tie) => ({
    stanza: fc.record(
      {
        tag: names,
        attrs: fc.dictionary(names, strings, { maxKeys: 6 }),
        content: fc.oneof(
          { maxDepth: 3 },
          strings,
          fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
          fc.array(tie('stanza'), { maxLength: 4 }),
        ),
      },
      { requiredKeys: ['tag', 'attrs'] },
    ),
  })).stanza;

  it('has 1,259 words, all of them different', () => {
    expect(new Set(words).size).toBe(1259);
    expect(createHash('sha256').update(words.join(' ')).digest('hex')).toBe(digest);
  });

  it('are the bytes that Baileys writes, and read as Baileys reads them', () => {
    fc.assert(
      fc.property(stanzas, (stanza) => {
        const bytes = encodeNode(stanza, dictionary);
        expect(bytes.equals(baileysEncode(stanza))).toBe(true);
        expect(decodeNode(bytes, dictionary)).toEqual(baileysDecode(bytes));
      }),
      { numRuns: 200, seed: 20_19 + version },
    );
  });

  it('come back as they were sent, compressed too', () => {
    // A text that is no token comes back as the bytes that it is: the protocol does not distinguish the two.
    const asSent = (node: BinaryNode): unknown => ({
      ...node,
      content: Array.isArray(node.content)
        ? node.content.map(asSent)
        : node.content === undefined
          ? undefined
          : Buffer.from(node.content).toString('latin1'),
    });
    fc.assert(
      fc.property(stanzas, (stanza) => {
        const bytes = encodeNode(stanza, dictionary);
        expect(asSent(decodeNode(bytes, dictionary))).toEqual(asSent(stanza));
        const compressed = Buffer.concat([Buffer.from([2]), deflateSync(bytes.subarray(1))]);
        expect(decodeNode(compressed, dictionary)).toEqual(decodeNode(bytes, dictionary));
      }),
      { numRuns: 100, seed: 20_19 + version },
    );
  });

  it('reads each word of the dictionary by itself', () => {
    for (const word of words) {
      const node = { tag: word, attrs: { [word]: word }, content: [{ tag: word, attrs: {} }] };
      const bytes = encodeNode(node, dictionary);
      expect(bytes.equals(baileysEncode(node))).toBe(true);
      expect(decodeNode(bytes, dictionary)).toEqual(node);
    }
  });

  it('are refused with a reason where they end early or hold other bytes', () => {
    fc.assert(
      fc.property(stanzas, fc.nat(), (stanza, cut) => {
        const bytes = encodeNode(stanza, dictionary);
        expect(() => decodeNode(bytes.subarray(0, cut % bytes.length), dictionary)).toThrow(/^A (stanza|jid|packed)/);
      }),
      { numRuns: 200, seed: 20_19 + version },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          expect(decodeNode(Buffer.from([0, ...noise]), dictionary).tag).not.toBe('');
        } catch (error) {
          expect((error as Error).message).toMatch(/^A (stanza|jid|packed)/);
        }
      }),
      { numRuns: 500, seed: 20_19 + version },
    );
  });

  it('with long lists and contents keep their lengths', () => {
    const child = { tag: 'item', attrs: {} };
    for (const length of [255, 256, 65_535]) {
      const bytes = encodeNode({ tag: 'list', attrs: {}, content: Array(length).fill(child) }, dictionary);
      expect(decodeNode(bytes, dictionary).content).toHaveLength(length);
    }
    for (const length of [255, 256, 2 ** 20 - 1, 2 ** 20]) {
      const bytes = encodeNode({ tag: 'enc', attrs: {}, content: Buffer.alloc(length, 7) }, dictionary);
      expect(decodeNode(bytes, dictionary).content).toHaveLength(length);
    }
    expect(() => encodeNode({ tag: 'list', attrs: {}, content: Array(65_536).fill(child) }, dictionary)).toThrow(
      'at most 65,535 children',
    );
  });
});

it('a stanza that cannot be written says what is wrong', () => {
  const write = (node: unknown) => () => encodeNode(node as BinaryNode, tokenDictionary(3));
  expect(write({ tag: '', attrs: {} })).toThrow('A stanza needs a tag');
  expect(write({ tag: 'iq', attrs: { id: 7 } })).toThrow('Attribute "id" of <iq> is a number');
  expect(write({ tag: 'iq', attrs: {}, content: 7 })).toThrow('The content of <iq> is a number');
});
