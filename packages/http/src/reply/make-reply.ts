/** An answer on its way out: whole, with a body that is a text or goes on for as long as its stream does. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | ReadableStream<Uint8Array>;
  /** Aborts when a stream is about to end, whether or not its client takes the rest. */
  readonly ending?: AbortSignal;
}

/** What a route returns: a body that becomes JSON, or a text or stream of a type of its own. */
export type Answer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
} & (
  | { readonly body: unknown; readonly type?: 'application/problem+json' }
  | { readonly type: string; readonly text: string }
  | { readonly type: string; readonly stream: ReadableStream<Uint8Array>; readonly ending: AbortSignal }
);

/**
 * On every answer: none may be stored, framed, sniffed or run. Source: OWASP REST Security Cheat Sheet, "Security
 * Headers".
 */
const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

export function makeReply(answer: Answer): Reply {
  const { status, headers } = answer;
  if ('stream' in answer) {
    const { type, stream: body, ending } = answer;
    return { status, headers: { ...SECURITY_HEADERS, 'content-type': type, ...headers }, body, ending };
  }
  const body = 'text' in answer ? answer.text : JSON.stringify(answer.body);
  const own = { 'content-type': answer.type ?? 'application/json', 'content-length': String(Buffer.byteLength(body)) };
  return { status, headers: { ...SECURITY_HEADERS, ...own, ...headers }, body };
}

/** The reply as fetch has it; `HEAD` gets its headers alone. */
export function toResponse({ status, headers, body }: Reply, method: string): Response {
  return new Response(method === 'HEAD' ? null : body, { status, headers });
}
