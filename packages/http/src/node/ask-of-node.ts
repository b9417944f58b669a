import type { ServerResponse } from 'node:http';
import { type Ask, splitTarget } from '../request/ask.js';
import { type ParsedRequest, readNodeBody } from './read-node-body.js';

/** What frameworks add to node's request. */
export type FrameworkRequest = ParsedRequest & { originalUrl?: unknown; baseUrl?: unknown };

/** The ask behind node's own objects. What costs is made when it is first asked for. */
export function askOfNode(incoming: FrameworkRequest, outgoing: ServerResponse): Ask {
  const { originalUrl, url, method = 'GET', headers } = incoming;
  const target = typeof originalUrl === 'string' ? originalUrl : (url ?? '/');
  let signal: AbortSignal | undefined;
  let whole: Request | undefined;
  const ask: Ask = {
    method,
    ...splitTarget(target),
    header(name) {
      const value = headers[name];
      return value === undefined ? null : typeof value === 'string' ? value : value.join(', ');
    },
    signal() {
      signal ??= signalOfLeaving(outgoing);
      return signal;
    },
    // From the request, once there is one: the host may have taken a clone of it.
    body: () => (whole ? whole.body : readNodeBody(incoming)),
    request() {
      whole ??= toRequest(incoming, target, ask);
      return whole;
    },
  };
  return ask;
}

function toRequest(incoming: FrameworkRequest, target: string, { method, path, query, signal }: Ask): Request {
  const body = method === 'GET' || method === 'HEAD' ? null : (readNodeBody(incoming) as RequestInit['body']);
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    // HTTP/2 has some that begin with a colon.
    if (name.startsWith(':') || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  // Never `new URL(target, origin)`: `//evil/status` would be a path on another host.
  const url = originOf(incoming, target) + path + (query === '' ? '' : `?${query}`);
  return new Request(url, { method, headers, body, signal: signal(), duplex: 'half' } as RequestInit);
}

/** What the request line says, else the `Host` header; neither is believed where it makes no origin. */
function originOf(incoming: FrameworkRequest, target: string): string {
  const base = /^https?:\/\/[^/?#]*/i.exec(target)?.[0];
  const origin = base ?? `${'encrypted' in incoming.socket ? 'https' : 'http'}://${incoming.headers.host ?? ''}`;
  return /^https?:\/\/[\w.:[\]-]+$/i.test(origin) && URL.canParse(origin) ? origin : 'http://localhost';
}

/** Aborts when the client leaves before its answer is out. */
function signalOfLeaving(outgoing: ServerResponse): AbortSignal {
  const leaving = new AbortController();
  const leave = () => {
    if (!outgoing.writableFinished) leaving.abort();
  };
  if (outgoing.destroyed) leave();
  else outgoing.once('close', leave);
  return leaving.signal;
}
