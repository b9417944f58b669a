import { randomUUID } from 'node:crypto';
import { type SyncedSession, type SyncReport, systemClock, type WaSyncStore } from '@wa-sync/core';
import { createReport, readOwnerAnswer } from '@wa-sync/core/adapter';
import { allSessions, type SessionView } from '../target/session-view.js';
import type { Source } from '../target/source.js';
import { CliError } from '../terminal/cli-error.js';
import type { Note } from '../terminal/output.js';

/** Questions that wait at once. Each costs a row, and the owner answers at its own pace. */
const BATCH = 100;
/** The owner learns of it at once or with its next tick (5 s), and asks its connection twice at most (5 s each). */
const WAIT_MS = 20_000;
const CHECK_EVERY_MS = 200;

type Held = Pick<SessionView, 'id' | 'owner'> & { readonly stored: SyncedSession['stored'] };

/**
 * Lets the processes that hold the sessions compare and correct, through their inboxes in the store: only they can ask
 * the connections. Silence proves nothing.
 *
 * @throws CliError `session_not_found`
 */
export async function askOwners(params: {
  store: Pick<WaSyncStore, 'inbox'>;
  source: Source;
  /** All where there is none. */
  id: string | undefined;
  force: boolean;
  note: Note;
}): Promise<SyncReport> {
  const { store, source, id, force, note } = params;
  const report = createReport(systemClock);
  let checked = 0;
  let batch: Held[] = [];
  const flush = async () => {
    report.add(await askAbout(store, batch, force));
    checked += batch.length;
    batch = [];
    note(`${checked} sessions`);
  };
  for await (const { id: sessionId, owner, stored } of id === undefined
    ? allSessions(source.sessions)
    : one(source, id)) {
    batch.push({ id: sessionId, owner, stored: stored.status });
    if (batch.length === BATCH) await flush();
  }
  await flush();
  return report.finish();
}

async function* one(source: Source, id: string): AsyncGenerator<SessionView> {
  const session = await source.sessions.get(id);
  if (!session) throw new CliError('session_not_found', `There is no session ${id}`);
  yield session;
}

async function askAbout({ inbox }: Pick<WaSyncStore, 'inbox'>, sessions: readonly Held[], force: boolean) {
  const kind = force ? 'force' : 'sync';
  const startedMs = performance.now();
  const results: SyncedSession[] = [];
  const report = ({ id, stored }: Held, rest: Pick<SyncedSession, 'reason'> & Partial<SyncedSession>) =>
    results.push({
      id,
      stored,
      actual: null,
      action: 'unknown',
      tookMs: Math.round(performance.now() - startedMs),
      ...rest,
    });

  for (const session of sessions.filter(({ owner }) => owner === null)) report(session, { reason: 'not_owned' });
  const open = new Map<string, Held>(
    sessions.filter(({ owner }) => owner !== null).map((session) => [randomUUID(), session]),
  );
  if (open.size === 0) return results;
  const requests = [...open].map(([id, session]) => ({ id, sessionId: session.id, kind }) as const);
  const put = new Set(await inbox?.ask({ asker: `wa-sync-command-${randomUUID()}`, requests, ttlMs: WAIT_MS }));
  for (const [request, session] of open) {
    if (put.has(request)) continue;
    open.delete(request);
    // Held, and nobody to ask: the lease of its owner is over.
    report(session, { reason: 'owner_gone' });
  }
  while (open.size > 0 && performance.now() - startedMs < WAIT_MS) {
    await new Promise((resolve) => setTimeout(resolve, CHECK_EVERY_MS));
    for (const { id, body } of (await inbox?.collect({ ids: [...open.keys()] })) ?? []) {
      const session = open.get(id);
      if (!session) continue;
      open.delete(id);
      const answer = readOwnerAnswer(kind, body);
      report(session, answer ? { ...answer.synced, id: session.id } : { reason: 'owner_answer_invalid' });
    }
  }
  for (const session of open.values()) report(session, { reason: 'owner_silent' });
  return results;
}
