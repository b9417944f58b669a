import { logText } from '@wa-sync/core/adapter';
import * as z from 'zod/mini';
import { type FieldError, HttpProblem } from './problems.js';

/** Longest piece of a caller's own text that an answer repeats. */
const REPEATED = 100;

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
  const errors = parsed.error.issues.flatMap((issue) => toFieldErrors(from, issue));
  const detail = errors.map(({ field, message }) => `${from} ${field}: ${message}`).join('; ');
  throw new HttpProblem('request_invalid', detail.slice(0, 500), { errors: errors.slice(0, 20) });
}

/** The query as a plain object; a field that comes twice becomes a list, which no schema here takes. */
export function readQuery(query: string): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = Object.create(null);
  if (query === '') return fields;
  const params = new URLSearchParams(query);
  for (const key of params.keys()) {
    const values = params.getAll(key);
    fields[key] = values.length === 1 ? values[0]! : values;
  }
  return fields;
}

function toFieldErrors(from: FieldError['in'], issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ in: from, field: repeat(key), message: 'is not a field of this endpoint' }));
  }
  return [{ in: from, field: repeat(issue.path.join('.') || '(all)'), message: repeat(issue.message) }];
}

function repeat(text: string): string {
  return logText(text).slice(0, REPEATED);
}
