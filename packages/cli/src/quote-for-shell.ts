import { plainText } from '@wa-sync/core';

/** A text as one word of a POSIX shell, to paste: nothing in it is run, and nothing in it steers the terminal that shows it. */
export function quoteForShell(text: string): string {
  if (plainText(text) === text) return `'${text.replaceAll("'", "'\\''")}'`;
  // Escapes are read by bash and zsh in this form only.
  return `$'${plainText(text.replaceAll('\\', '\\\\').replaceAll("'", "\\'"))}'`;
}
