import { logText } from '@wa-sync/core/adapter';
import * as z from 'zod/mini';
import { type FieldError, HttpProblem } from '../reply/problems.js';

/** Longest piece of a caller's own text that an answer repeats. */
const REPEATED = 100;

/** Wrong fields that an answer names. */
const NAMED = 20;

const LIMIT = 'takes a whole number from 1 to 1000';

/** How many a page has at most. */
export const pageLimit = z._default(
  z.coerce.number(LIMIT).check(z.int(LIMIT), z.gte(1, LIMIT), z.lte(1_000, LIMIT)),
  100,
);

/** Where a page begins. */
export const pageCursor = (takes: string) =>
  z
    .optional(z.string(takes).check(z.minLength(1, takes), z.maxLength(255, takes)))
    .check(z.describe('The next of the page before'));

/**
 * Checks one part of a request.
 *
 * @throws HttpProblem `request_invalid` that names each wrong field
 */
export function readInput<Schema extends z.ZodMiniType>(from: FieldError['in'], schema: Schema, value: unknown) {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues
    .slice(0, NAMED)
    .flatMap((issue) => toFieldErrors(from, issue))
    .slice(0, NAMED);
  const detail = errors.map(({ field, message }) => `${from} ${field}: ${message}`).join('; ');
  throw new HttpProblem('request_invalid', detail.slice(0, 500), { errors });
}

/** No endpoint takes more than a few: what has a thousand need not be read to be refused. */
const FIELDS = 50;

/** The query as a plain object; a field that comes twice becomes a list, which no schema here takes. */
export function readQuery(query: string): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = Object.create(null);
  if (query === '') return fields;
  if (query.split('&', FIELDS + 1).length > FIELDS) {
    throw new HttpProblem('request_invalid', `A query may have ${FIELDS} fields at most`);
  }
  // One pass: asking for the values of each key by its name would be quadratic.
  for (const [key, value] of new URLSearchParams(query)) {
    const before = fields[key];
    if (before === undefined) fields[key] = value;
    else if (typeof before === 'string') fields[key] = [before, value];
    else before.push(value);
  }
  return fields;
}

function toFieldErrors(from: FieldError['in'], issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .slice(0, NAMED)
      .map((key) => ({ in: from, field: repeat(key), message: 'is not a field of this endpoint' }));
  }
  return [{ in: from, field: repeat(issue.path.join('.') || '(all)'), message: repeat(issue.message) }];
}

function repeat(text: string): string {
  return logText(text).slice(0, REPEATED);
}
