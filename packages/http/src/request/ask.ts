/**
 * A request on its way in, whoever brought it. Routes read it through this one shape, so that a bridge need not build
 * a `Request` (which takes node longer than all the rest of a `GET /status`) and there is still one way through the
 * code.
 */
export interface Ask {
  readonly method: string;
  /** As it was sent, without query. */
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
  /** By its name in lower case. */
  header(name: string): string | null;
  /** Aborts when the caller has left. */
  signal(): AbortSignal;
  /** The body, or what a parser in front has left of it. */
  body(): ReadableStream<Uint8Array> | Uint8Array | string | null;
  /** The whole request, for functions of the host. */
  request(): Request;
}

/** The ask behind a `Request`. */
export function askOfRequest(request: Request): Ask {
  return {
    method: request.method,
    ...splitTarget(request.url),
    header: (name) => request.headers.get(name),
    signal: () => request.signal,
    body: () => request.body,
    request: () => request,
  };
}

/**
 * Path and query of a URL, or of the target of a request line: parsing a whole URL would be a tenth of the time of
 * `GET /status`.
 */
export function splitTarget(target: string): { path: string; query: string } {
  const [, path = '', query = ''] = /^(?:[^:/?#]+:\/\/[^/?#]*)?([^?#]*)(?:\?([^#]*))?/.exec(target) ?? [];
  return { path, query };
}
