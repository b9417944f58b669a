import { checkSessionId } from '@wa-sync/core';
import * as z from 'zod/mini';
import type { Caller } from '../access/authenticate.js';
import { HttpProblem, sessionNotFound } from '../reply/problems.js';
import type { Call } from './route.js';

const SESSION = 'takes one session id';

/** The query of routes that are about one session. */
export const namesSession = z.strictObject({
  sessionId: z
    .optional(z.string(SESSION).check(z.minLength(1, SESSION)))
    .check(z.describe('The session. Default: the current one')),
});

/** The session that a request is about: the one it names, else the host's choice, else the configured one. */
export async function nameSession(call: Call, named: string | undefined): Promise<string> {
  const id = named ?? (await chosenByHost(call)) ?? call.services.wa.currentSession;
  if (id === null) throw new HttpProblem('no_current_session', 'Name one by ?sessionId=');
  return assertInScope(call.caller, checkSessionId(id));
}

async function chosenByHost({ services, ask, raw }: Call): Promise<string | null | undefined> {
  const { currentSession } = services.config;
  if (!currentSession) return null;
  return services.callHost('currentSession', ask, async () => {
    const chosen: unknown = await currentSession(ask.request(), { raw });
    if (chosen === null || chosen === undefined || typeof chosen === 'string') return chosen;
    throw new TypeError(
      `it has to return a session id, null or undefined, and returned a value of type ${typeof chosen}`,
    );
  });
}

/** Returns `id`; out of the caller's scope it does not exist. */
export function assertInScope(caller: Caller, id: string): string {
  if (caller.sessionIds && !caller.sessionIds.includes(id)) throw sessionNotFound(id);
  return id;
}

/** What concerns all sessions is not for a caller that sees only some. */
export function assertSeesAll(caller: Caller): void {
  if (caller.sessionIds) throw new HttpProblem('out_of_scope');
}
