/** Different values that one label may take; what comes after is `other`. */
const DIFFERENT = 50;

/**
 * Keeps a label small: a code as it is, anything else `other`. Codes come from adapters of anybody, and a label that held an id or a number would grow without end
 * and tell whom the host talks to.
 */
export function createBoundLabel(): (value: string) => string {
  const seen = new Set<string>();

  return (value) => {
    if (seen.has(value)) return value;
    const isCode = /^[a-z]\w{0,39}$/i.test(value) && !/\d{4}/.test(value);
    if (seen.size >= DIFFERENT || !isCode) return 'other';
    seen.add(value);
    return value;
  };
}
