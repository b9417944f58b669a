import type * as z from 'zod/mini';
import { HttpProblem } from '../reply/problems.js';
import type { Ask } from './ask.js';
import { readInput } from './read-input.js';

/** Largest body taken, in bytes. */
export const MAX_BODY_BYTES = 16 * 1024;

/**
 * Reads a JSON body; none at all counts as `{}`. The content type is not asked for: `curl -d '{}'` sends a wrong one.
 */
export async function readBody(ask: Ask): Promise<unknown> {
  const body = ask.body();
  if (body === null) return {};
  if (Number(ask.header('content-length') ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const text = await readText(
    typeof body === 'string' || body instanceof Uint8Array ? new Blob([body]).stream() : body,
  );
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    throw notJson();
  }
}

async function readText(body: ReadableStream<Uint8Array>): Promise<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text + decoder.decode();
      bytes += value.byteLength;
      if (bytes > MAX_BODY_BYTES) throw tooLarge();
      text += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    void reader.cancel().catch(() => {});
    // Broken UTF-8, or a client that left in the middle: there is no JSON in either case.
    throw error instanceof HttpProblem ? error : notJson();
  }
}

function tooLarge(): HttpProblem {
  return new HttpProblem('body_too_large', `A body may have ${MAX_BODY_BYTES} bytes at most`);
}

function notJson(): HttpProblem {
  return new HttpProblem('body_not_json', 'Send a JSON object, or no body at all');
}

/** For a person with a shell: curl's `-d` says that it sends a form unless an option says otherwise. */
const SEND_JSON = "The body came as a form: send JSON with -H 'content-type: application/json'";

/**
 * Reads and checks a body. JSON under the content type of a form is taken, because curl's `-d` sends it so. Where a
 * parser of the host in front took it for a form, its JSON cannot be had back: then the answer says what to send.
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
