import { hash, timingSafeEqual } from 'node:crypto';
import * as z from 'zod/mini';
import type { Ask } from './ask.js';
import type { HostContext, HttpConfig, Role } from './options.js';
import { HttpProblem } from './problems.js';

/** Who calls. */
export interface Caller {
  readonly role: Role;
  /** The only sessions this caller sees, sorted; `null`: all. */
  readonly sessionIds: readonly string[] | null;
  /** Names the caller for the rate limit; never a token. */
  readonly key: string;
}

export type Authenticate = (ask: Ask, context: HostContext) => Promise<Caller>;

const access = z.union([
  z.literal(false),
  z.object({
    role: z.enum(['admin', 'viewer']),
    sessionIds: z.optional(z.array(z.string())),
    id: z.optional(z.string()),
  }),
]);

/** Finds out who calls, or throws `unauthorized`. */
export function createAuthenticate(auth: HttpConfig['auth']): Authenticate {
  if (auth === 'none') return async () => ({ role: 'admin', sessionIds: null, key: 'everybody' });
  if (typeof auth === 'function') {
    return async (ask, context) => {
      const granted = access.safeParse(await auth(ask.request(), context));
      // Anything but the two shapes is a mistake of the host; `true` or a user object must not open the door.
      if (!granted.success) throw new Error("authorize must answer false or { role: 'admin' | 'viewer' }");
      if (granted.data === false) throw unauthorized(false);
      const { role, id } = granted.data;
      const sessionIds = granted.data.sessionIds ? [...new Set(granted.data.sessionIds)].sort() : null;
      return { role, sessionIds, key: digest(JSON.stringify([id ?? null, role, sessionIds])).toString('base64') };
    };
  }
  const known = auth.tokens.map(digest);
  return async (ask) => {
    const sent = sentTokens(ask);
    for (const candidate of sent.map(digest)) {
      // All are compared, whichever fits: the time taken tells nothing about the list.
      const found = known.map((one) => timingSafeEqual(one, candidate)).indexOf(true);
      if (found >= 0) return { role: 'admin', sessionIds: null, key: `token ${found}` };
    }
    throw unauthorized(sent.length > 0);
  };
}

/** What a request carries to prove who calls. */
export function sentTokens({ header }: Ask): string[] {
  const bearer = /^Bearer +(\S+) *$/i.exec(header('authorization') ?? '')?.[1];
  return [bearer, header('x-api-key')].filter((token) => typeof token === 'string');
}

function digest(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

function unauthorized(sent: boolean): HttpProblem {
  const challenge = `Bearer realm="wa-sync"${sent ? ', error="invalid_token"' : ''}`;
  return new HttpProblem('unauthorized', 'Send Authorization: Bearer <token>, or X-Api-Key: <token>', {
    headers: { 'www-authenticate': challenge },
  });
}
