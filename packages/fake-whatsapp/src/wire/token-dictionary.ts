import { DICTIONARY_2_TOKENS } from './dictionary-2.js';
import { DICTIONARY_3_TOKENS } from './dictionary-3.js';

const TOKENS: Readonly<Record<number, string>> = { 2: DICTIONARY_2_TOKENS, 3: DICTIONARY_3_TOKENS };
// Byte 0 is the empty list, so that the first token has number 1.
const SINGLE_BYTE_TOKENS = 235;
const PAGE_SIZE = 256;
const FIRST_PAGE = 236;

/** The words that travel as one or two bytes. Client and server must mean the same dictionary. */
export type TokenDictionary = {
  /** The bytes of a word; undefined where it is no token. */
  bytesOf(word: string): readonly number[] | undefined;
  /** The word of a one-byte token. */
  single(byte: number): string | undefined;
  /** The word of a two-byte token, whose page is 0 to 3. */
  double(page: number, byte: number): string | undefined;
};

const loaded = new Map<number, TokenDictionary>();

/**
 * The dictionary that a client announces in the last byte of its header.
 *
 * @throws Error where there is none of this version.
 */
export function tokenDictionary(version: number): TokenDictionary {
  let dictionary = loaded.get(version);
  if (!dictionary) {
    const tokens = TOKENS[version];
    if (tokens === undefined) {
      const known = Object.keys(TOKENS).join(' and ');
      throw new Error(`The client speaks token dictionary ${version}; this server knows dictionaries ${known}`);
    }
    dictionary = readDictionary(tokens.trim().split(/\s/));
    loaded.set(version, dictionary);
  }
  return dictionary;
}

function readDictionary(words: readonly string[]): TokenDictionary {
  const bytes = new Map(words.map((word, index) => [word, bytesAt(index)]));
  return {
    bytesOf: (word) => bytes.get(word),
    single: (byte) => (byte > SINGLE_BYTE_TOKENS ? undefined : words[byte - 1]),
    double: (page, byte) => words[SINGLE_BYTE_TOKENS + page * PAGE_SIZE + byte],
  };
}

function bytesAt(index: number): number[] {
  if (index < SINGLE_BYTE_TOKENS) return [index + 1];
  const within = index - SINGLE_BYTE_TOKENS;
  return [FIRST_PAGE + Math.floor(within / PAGE_SIZE), within % PAGE_SIZE];
}

/** The bytes that say what follows; every other byte from 1 to 235 is a token. */
export const TAG = {
  emptyList: 0,
  /** Four pages of two-byte tokens: 236 to 239. */
  firstPage: 236,
  lastPage: 239,
  /** Domain, device, user. */
  deviceJid: 247,
  /** Lists, their length in one or two bytes. */
  list8: 248,
  list16: 249,
  /** User, server. */
  jidPair: 250,
  /** Two characters in a byte: 0-9 A-F. */
  packedHex: 251,
  /** Raw bytes, their length in one, two and a half, or four bytes. */
  bytes8: 252,
  bytes20: 253,
  bytes32: 254,
  /** Two characters in a byte: 0-9 - . */
  packedNumber: 255,
} as const;

/** The characters of a packed string by their half byte; 15 fills up an odd number of them. */
export const PACKED_CHARACTERS: Readonly<Record<number, string>> = {
  [TAG.packedHex]: '0123456789ABCDEF',
  [TAG.packedNumber]: '0123456789-.',
};
export const PACKED_FILLER = 15;
export const MAX_PACKED_LENGTH = 127;

/** The domains whose devices have numbers, as the byte that stands for them. */
export const DOMAIN_BYTES: readonly (readonly [server: string, byte: number])[] = [
  ['s.whatsapp.net', 0],
  ['lid', 1],
  ['hosted', 128],
  ['hosted.lid', 129],
];
