import { hash, timingSafeEqual } from 'node:crypto';
import type { CallHost, SparseLog } from '../host/call-host.js';
import type { HostContext, HttpConfig, Role } from '../host/options.js';
import { HttpProblem } from '../reply/problems.js';
import type { Ask } from '../request/ask.js';
import { ACCESS_SHAPE, readAccess } from './read-access.js';

/** Who calls. */
export interface Caller {
  readonly role: Role;
  /** The only sessions this caller sees, sorted; `null`: all. */
  readonly sessionIds: readonly string[] | null;
  /** Names the caller for the rate limit; never a token. */
  readonly key: string;
}

export type Authenticate = (ask: Ask, context: HostContext) => Promise<Caller>;

/** Finds out who calls, or throws `unauthorized`. */
export function createAuthenticate(deps: {
  auth: HttpConfig['auth'];
  callHost: CallHost;
  log: SparseLog;
}): Authenticate {
  const { auth, callHost, log } = deps;
  if (auth === 'none') return async () => ({ role: 'admin', sessionIds: null, key: 'everybody' });
  if (typeof auth === 'function') {
    return async (ask, context) => {
      const verdict = readAccess(await callHost('authorize', ask, () => auth(ask.request(), context)));
      if ('wrong' in verdict) {
        const line = `authorize returned ${verdict.wrong}, so the request got 401: it has to return ${ACCESS_SHAPE}`;
        log('warn', line, () => ({ code: 'authorize_invalid' }));
      }
      if ('wrong' in verdict || verdict.granted === null) throw unauthorized(false, true);
      const { role, sessionIds, id } = verdict.granted;
      return { role, sessionIds, key: digest(JSON.stringify([id, role, sessionIds])).toString('base64') };
    };
  }
  const known = auth.tokens.map(digest);
  return async (ask) => {
    const sent = sentTokens(ask);
    for (const candidate of sent.map(digest)) {
      // All are compared, whichever fits: the time taken shows nothing about the list.
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

function unauthorized(sent: boolean, logged = false): HttpProblem {
  const challenge = `Bearer realm="wa-sync"${sent ? ', error="invalid_token"' : ''}`;
  return new HttpProblem('unauthorized', 'Send Authorization: Bearer <token>, or X-Api-Key: <token>', {
    headers: { 'www-authenticate': challenge },
    logged,
  });
}
