/** A uuid, or an id in hex such as an ObjectId or a digest: its runs of digits are nobody's phone number. */
const ID =
  '(?<![0-9a-z])(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=[0-9]*[a-f])(?:[0-9a-f]{24}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}))(?![0-9a-z])';
/** `+55 (11) 99999-1234`: a number as people write it. */
const WRITTEN = '\\+[0-9](?:[ ().-]{0,2}[0-9]){6,16}';
const NUMBER = new RegExp(`${ID}|${WRITTEN}|[0-9]{7,}`, 'gi');

/**
 * Hides phone numbers in a text that a log, an error or a row shows: every run of seven or more digits, and every number with a `+` in front, keeps only its
 * last four digits. Uuids and ids in hex stay whole.
 */
export function maskNumbers(text: string): string {
  return text.replace(NUMBER, (found) => {
    if (/[a-f]/i.test(found) || /^[0-9]{8}-[0-9]{4}-/.test(found)) return found;
    return `…${found.replace(/[^0-9]/g, '').slice(-4)}`;
  });
}
