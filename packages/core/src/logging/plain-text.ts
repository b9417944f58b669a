/** What moves a terminal's cursor, starts an escape sequence, breaks a line, or turns the order of characters round. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * A text as one line that a terminal shows and does not obey: control characters (C0, C1), line breaks of every kind, direction overrides and halves of
 * characters are written as escapes such as `\n` and `\u001b`.
 *
 * @example
 * plainText('a\u001b[31m\nb'); // 'a\\u001b[31m\\nb'
 */
export function plainText(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (found) => SHORT[found] ?? `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
