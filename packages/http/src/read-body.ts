import type { Ask } from './ask.js';
import { HttpProblem } from './problems.js';

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
    // Broken UTF-8, or a client that went away in the middle: either way there is no JSON to be had.
    throw error instanceof HttpProblem ? error : notJson();
  }
}

function tooLarge(): HttpProblem {
  return new HttpProblem('body_too_large', `A body may have ${MAX_BODY_BYTES} bytes at most`);
}

function notJson(): HttpProblem {
  return new HttpProblem('body_not_json', 'Send a JSON object, or no body at all');
}
