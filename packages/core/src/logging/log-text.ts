import { maskNumbers } from '../mask-numbers.js';
import { plainText } from './plain-text.js';

/** A message of a server or of the host's code may be of any length. */
const LONGEST = 2_000;

/** A text as a log, a row or an answer may have it: one line, no whole phone number, of bounded length. */
export function logText(text: string): string {
  return plainText(maskNumbers(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text));
}
