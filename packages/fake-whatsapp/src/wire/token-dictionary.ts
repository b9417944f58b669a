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
