/** A uuid, or an id in hex such as an ObjectId or a digest: its runs of digits are no phone number. */
const ID =
  '(?<![0-9a-z])(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=[0-9]*[a-f])(?:[0-9a-f]{24}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}))(?![0-9a-z])';
/** `+55 (11) 99999-1234`: a number as people write it. */
const WRITTEN = '\\+[0-9](?:[ ().-]{0,2}[0-9]){6,16}';
const NUMBER = new RegExp(`${ID}|${WRITTEN}|[0-9]{7,}`, 'gi');

/**
 * Hides phone numbers in a text that a log, an error or a row shows: every run of seven or more digits, and every
 * number with a `+` in front, keeps only its last four digits. Uuids and ids in hex stay whole.
 */
export function maskNumbers(text: string): string {
  return text.replace(NUMBER, (found) => {
    if (/[a-f]/i.test(found) || /^[0-9]{8}-[0-9]{4}-/.test(found)) return found;
    return `…${found.replace(/[^0-9]/g, '').slice(-4)}`;
  });
}

/** What moves a terminal's cursor, starts an escape sequence, breaks a line, or reverses the order of characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * A text as one line that a terminal shows and does not obey: control characters (C0, C1), line breaks of every kind,
 * direction overrides and halves of characters are written as escapes such as `\n` and `\u001b`.
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

/** A message of a server or of the host's code may be of any length. */
const LONGEST = 2_000;

/** A text as a log, a row or an answer may have it: one line, no whole phone number, of bounded length. */
export function logText(text: string): string {
  return plainText(maskNumbers(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text));
}
