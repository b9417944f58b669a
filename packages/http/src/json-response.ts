/** On every answer: none may be stored, framed, sniffed or run. Source: OWASP REST Security Cheat Sheet, "Security Headers". */
const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/** What node sends as it is: reading a body back out of a `Response` takes as long as making one. */
const texts = new WeakMap<Response, string>();

/** The body of an answer of ours. */
export function textOf(response: Response): string | undefined {
  return texts.get(response);
}

/** The one way that an answer leaves. Its length is known, so that nothing has to be streamed. */
export function jsonResponse(params: {
  status: number;
  type: 'application/json' | 'application/problem+json';
  body: unknown;
  headers?: Readonly<Record<string, string>> | undefined;
}): Response {
  const text = JSON.stringify(params.body);
  const headers = {
    ...SECURITY_HEADERS,
    'content-type': params.type,
    'content-length': String(Buffer.byteLength(text)),
    ...params.headers,
  };
  const response = new Response(text, { status: params.status, headers });
  texts.set(response, text);
  return response;
}
