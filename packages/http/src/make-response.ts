/** On every answer: none may be stored, framed, sniffed or run. Source: OWASP REST Security Cheat Sheet, "Security Headers". */
const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

type Extra = Readonly<Record<string, string>> | undefined;

/** What node sends as it is: reading a body back out of a `Response` takes as long as making one. */
const texts = new WeakMap<Response, string>();

/** The body of an answer of ours, where it is a text. */
export function textOf(response: Response): string | undefined {
  return texts.get(response);
}

/** The way that JSON leaves. */
export function jsonResponse(params: {
  status: number;
  type: 'application/json' | 'application/problem+json';
  body: unknown;
  headers?: Extra;
}): Response {
  return textResponse({ ...params, text: JSON.stringify(params.body) });
}

/** An answer whose length is known, so that nothing has to be streamed. */
export function textResponse(params: { status: number; type: string; text: string; headers?: Extra }): Response {
  const { status, type, text } = params;
  const headers = {
    ...SECURITY_HEADERS,
    'content-type': type,
    'content-length': String(Buffer.byteLength(text)),
    ...params.headers,
  };
  const response = new Response(text, { status, headers });
  texts.set(response, text);
  return response;
}

/** An answer that goes on for as long as its stream does. */
export function streamResponse(params: {
  status: number;
  type: string;
  stream: ReadableStream<Uint8Array>;
  headers?: Extra;
}): Response {
  const { status, type, stream } = params;
  return new Response(stream, { status, headers: { ...SECURITY_HEADERS, 'content-type': type, ...params.headers } });
}
