import type { IncomingMessage, ServerResponse } from 'node:http';

const OF_BODY = ['content-type', 'content-length', 'transfer-encoding'] as const;

const hidden = new WeakMap<IncomingMessage, Readonly<Record<string, string>>>();

/**
 * Middleware for Fastify, which would answer 400 to `content-type: application/json` without a body and 415 to a type that it does not know,
 * before any route is asked. A request without these headers it takes for one that has no body, and leaves it to {@link showBody}'s caller.
 */
export function leaveBodyUnread(incoming: IncomingMessage, _outgoing: ServerResponse, next: () => void): void {
  const { headers } = incoming;
  const kept: Record<string, string> = {};
  for (const name of OF_BODY) {
    const value = headers[name];
    if (value === undefined) continue;
    kept[name] = value;
    delete headers[name];
  }
  hidden.set(incoming, kept);
  next();
}

/** Puts the headers back. */
export function showBody(incoming: IncomingMessage): void {
  Object.assign(incoming.headers, hidden.get(incoming));
}
