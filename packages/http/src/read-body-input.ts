import type * as z from 'zod/mini';
import type { Ask } from './ask.js';
import { HttpProblem } from './problems.js';
import { readBody } from './read-body.js';
import { readInput } from './read-input.js';

/** For a person with a shell: curl's `-d` says that it sends a form unless it is told otherwise. */
const SEND_JSON = "The body came as a form: send JSON with -H 'content-type: application/json'";

/**
 * Reads and checks a body. JSON under the content type of a form is taken, because curl's `-d` sends it so. Where a parser of the
 * host in front took it for a form, its JSON cannot be had back: then the answer says what to send.
 *
 * @throws HttpProblem `body_not_json`, `body_too_large`, `request_invalid` that names each wrong field
 */
export async function readBodyInput<Schema extends z.ZodMiniType>(ask: Ask, schema: Schema) {
  const isForm = /^(?:application\/x-www-form-urlencoded|multipart\/form-data)\b/i.test(
    ask.header('content-type') ?? '',
  );
  const body = await readBody(ask).catch((error: unknown) => {
    throw isForm && error instanceof HttpProblem && error.code === 'body_not_json' ? notAForm() : error;
  });
  try {
    return readInput('body', schema, body);
  } catch (error) {
    if (!isForm || !(error instanceof HttpProblem)) throw error;
    // `-d '{"dryRun":true}'` through a parser of forms: one field, and the whole text is its name.
    if (Object.keys(Object(body)).some((key) => /^\s*[{[]/.test(key))) throw notAForm();
    throw new HttpProblem(error.code, `${error.detail}; ${SEND_JSON}`, error.more);
  }
}

function notAForm(): HttpProblem {
  return new HttpProblem('body_not_json', SEND_JSON);
}
