import { isWaSyncError } from '@wa-sync/core';
import { logText } from '@wa-sync/core/adapter';
import { makeReply, type Reply } from './make-reply.js';

/** Status and title of every problem that an answer can carry, by its stable code. */
export const PROBLEMS = {
  body_not_json: { status: 400, title: 'The body is not JSON' },
  unauthorized: { status: 401, title: 'A valid token is needed' },
  forbidden: { status: 403, title: 'A viewer may only read' },
  out_of_scope: { status: 403, title: 'This is for callers that may see every session' },
  route_not_found: { status: 404, title: 'There is no such endpoint' },
  run_not_found: { status: 404, title: 'There is no such run' },
  session_not_found: { status: 404, title: 'There is no such session' },
  method_not_allowed: { status: 405, title: 'The endpoint does not take this method' },
  no_current_session: { status: 409, title: 'No session is named and none is the current one' },
  body_too_large: { status: 413, title: 'The body is too large' },
  request_invalid: { status: 422, title: 'A field is not as it has to be' },
  session_id_invalid: { status: 422, title: 'This cannot be a session id' },
  rate_limited: { status: 429, title: 'Too many requests' },
  internal_error: { status: 500, title: 'Something went wrong here' },
  not_supported: { status: 501, title: 'The store cannot do this' },
  host_timeout: { status: 503, title: 'The service did not decide in time' },
  not_running: { status: 503, title: 'The service does not run' },
  overloaded: { status: 503, title: 'Too much is under way already' },
  status_unknown: { status: 503, title: 'The status cannot be determined now' },
  store_failed: { status: 503, title: 'The store failed' },
  store_timeout: { status: 503, title: 'The store did not answer in time' },
  store_unreachable: { status: 503, title: 'The store cannot be reached' },
} as const satisfies Record<string, { status: number; title: string }>;

/** How the store can fail a request. */
export const STORE_FAILURES = ['store_failed', 'store_timeout', 'store_unreachable'] as const;

/** The same for requests that need a place to read it, or to start a run. */
export const STORE_PROBLEMS = [...STORE_FAILURES, 'overloaded'] as const;

/** One of the keys of {@link PROBLEMS}. */
export type ProblemCode = keyof typeof PROBLEMS;

/** A field that was not as it has to be. */
export interface FieldError {
  readonly in: 'body' | 'query' | 'path';
  readonly field: string;
  readonly message: string;
}

/** When to come back after a 503, in seconds: the store is asked again within one tick of the engine. */
const RETRY_AFTER_S = 5;

/** Thrown on the way to an answer; {@link answerProblem} makes the answer of it. */
export class HttpProblem extends Error {
  constructor(
    readonly code: ProblemCode,
    readonly detail?: string,
    readonly more: {
      headers?: Readonly<Record<string, string>>;
      errors?: readonly FieldError[];
      /** The log has a line about it already, or needs none. */
      logged?: boolean;
    } = {},
  ) {
    super(detail ?? PROBLEMS[code].title);
    this.name = 'HttpProblem';
  }
}

/** The same words whether a session is unknown or out of the caller's scope: an answer must not show which. */
export function sessionNotFound(id: string): HttpProblem {
  return new HttpProblem('session_not_found', `There is no session ${logText(id)}`);
}

/** Any error as a problem. What a caller cannot fix is answered by its title alone: its text is for the log. */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (!isWaSyncError(error) || !Object.hasOwn(PROBLEMS, error.code)) return new HttpProblem('internal_error');
  const code = error.code as ProblemCode;
  const shown = PROBLEMS[code].status < 500 || code === 'status_unknown' || code === 'not_running';
  return new HttpProblem(code, shown ? logText(error.message) : undefined);
}

/** The problem without these words, wherever it repeats what a caller has sent. */
export function hideWords(problem: HttpProblem, words: readonly string[]): HttpProblem {
  if (words.length === 0) return problem;
  const hide = (text: string) => words.reduce((rest, word) => (word === '' ? rest : rest.replaceAll(word, '…')), text);
  const { code, detail, more } = problem;
  const errors = more.errors?.map((error) => ({ ...error, field: hide(error.field), message: hide(error.message) }));
  return new HttpProblem(code, detail === undefined ? undefined : hide(detail), {
    ...more,
    ...(errors ? { errors } : {}),
  });
}

/** The parts of a problem that stand in the body (RFC 9457). */
export function describeProblem(problem: HttpProblem) {
  const { code, detail, more } = problem;
  const { status, title } = PROBLEMS[code];
  return {
    type: `urn:wa-sync:problem:${code}`,
    title,
    status,
    code,
    ...(detail === undefined ? {} : { detail }),
    ...(more.errors ? { errors: more.errors } : {}),
  };
}

/** The one place where an error becomes an answer. */
export function answerProblem(problem: HttpProblem): Reply {
  const body = describeProblem(problem);
  const retryAfter: Record<string, string> = body.status === 503 ? { 'retry-after': String(RETRY_AFTER_S) } : {};
  const headers = { ...retryAfter, ...problem.more.headers };
  return makeReply({ status: body.status, type: 'application/problem+json', body, headers });
}
