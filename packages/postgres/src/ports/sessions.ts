import { randomUUID } from 'node:crypto';
import {
  type Claim,
  type ClaimOutcome,
  checkSessionId,
  type SessionStore,
  type StoredSession,
  sessionIdHash,
} from '@wa-sync/core';
import type { StatementRunner } from '../driver/run-statement.js';
import { inBatches } from '../driver/run-statement.js';
import { instantText } from '../driver/sql-text.js';
import { readTuple, type SessionTuple } from '../rows/session-row.js';
import { closeUnheldSessions, releaseSessions } from '../statements/end-sessions.js';
import type { PreparedStore } from '../statements/prepare-store.js';
import { mayBeTheHosts, refusesRow } from '../statements/write-around-refused.js';
import { writeSessions } from './write-sessions.js';

/** The session part of the store. `ready` returns the statements once the schema and the mirror are known. */
export function createSessions(params: {
  runner: StatementRunner;
  /** Runs what writes rows that somebody holds, or is to hold. */
  rows: StatementRunner;
  ready: () => Promise<PreparedStore>;
  /** Called with why a row that is to be claimed or closed is refused. */
  onRefused(error: unknown): void;
}): SessionStore {
  const { runner, rows, ready, onRefused } = params;
  const lockMs = () => String(runner.limits.lockMs);
  // Calls of this store for what the host wants, in their order, by which the database knows one that comes late.
  const writer = randomUUID();
  let lastCallNo = 0;

  function nextPlace(): [writer: string, callNo: number] {
    lastCallNo += 1;
    return [writer, lastCallNo];
  }

  async function run<T>(work: (prepared: PreparedStore) => Promise<T>): Promise<T> {
    try {
      return await work(await ready());
    } catch (error) {
      throw runner.translate(error);
    }
  }

  async function read(
    prepared: PreparedStore,
    wanted: 'get' | 'list' | 'listOfOwner',
    values: readonly unknown[],
  ): Promise<StoredSession[]> {
    const tuples = await runner.json<SessionTuple[]>(prepared.reading[wanted], values);
    return tuples.map((tuple) => readTuple(tuple, prepared.mirror));
  }

  /** Activates the host rows of sessions that the cleanup had deactivated, and returns those sessions anew. */
  async function activateHost(prepared: PreparedStore, ids: readonly string[]): Promise<StoredSession[]> {
    const { activateHost } = prepared.writing;
    if (activateHost === null || ids.length === 0) return [];
    try {
      await runner.json(activateHost, [lockMs(), ids]);
    } catch (error) {
      // The session is taken, whatever the host's table says to it.
      if (!mayBeTheHosts(error)) throw error;
    }
    return read(prepared, 'get', [ids]);
  }

  async function claimBatch(
    prepared: PreparedStore,
    { owner, deadline }: { owner: string; deadline?: Date | undefined },
    claims: readonly Claim[],
  ) {
    type Answer = [stands: boolean, late: boolean, taken: SessionTuple[], woken: string[], passedOver: string[]];
    const [stands, late, tuples, woken, passedOver] = await rows.json<Answer>(prepared.writing.claim, [
      lockMs(),
      owner,
      claims.map(({ id }) => id),
      claims.map(({ tenure }) => tenure),
      claims.map(({ mode }) => mode === 'takeover'),
      deadline ? instantText(deadline) : null,
    ]);
    const taken = new Map(tuples.map((tuple) => [tuple[0], readTuple(tuple, prepared.mirror)]));
    for (const session of await activateHost(prepared, woken)) taken.set(session.id, session);
    const rest = claims.filter(({ id }) => !taken.has(id)).map(({ id }) => id);
    const others = stands && rest.length > 0 ? await read(prepared, 'get', [rest]) : [];
    const locked = new Set(passedOver);
    const standing = new Map(others.map((session) => [session.id, session]));
    return claims.map((claim): [Claim, ClaimOutcome] => {
      const session = taken.get(claim.id) ?? standing.get(claim.id);
      return [claim, claimOutcome({ claim, owner, stands, late, session, isLocked: locked.has(claim.id) })];
    });
  }

  async function claimAroundRefused(
    ...[prepared, claimant, claims]: Parameters<typeof claimBatch>
  ): Promise<[Claim, ClaimOutcome][]> {
    try {
      return await claimBatch(prepared, claimant, claims);
    } catch (error) {
      if (!refusesRow(error)) throw error;
      const [claim] = claims;
      if (claim && claims.length === 1) {
        onRefused(error);
        return [[claim, { id: claim.id, claimed: false, why: 'refused' }]];
      }
      const middle = claims.length >> 1;
      const first = await claimAroundRefused(prepared, claimant, claims.slice(0, middle));
      return [...first, ...(await claimAroundRefused(prepared, claimant, claims.slice(middle)))];
    }
  }

  return {
    create: ({ sessions }) =>
      run(async ({ writing }) => {
        const created: string[] = [];
        const firsts = new Map([...sessions].reverse().map((session) => [session.id, session]));
        for (const batch of inBatches([...firsts.values()])) {
          const ids = batch.map(({ id }) => checkSessionId(id));
          created.push(
            ...(await runner.json<string[]>(writing.create, [
              lockMs(),
              ids,
              ids.map(sessionIdHash),
              batch.map(({ desired }) => desired),
              batch.map(({ phone }) => phone?.replaceAll('\0', '') ?? null),
              batch.map(({ status }) => status ?? 'DISCONNECTED'),
              batch.map(({ lastSeenAt }) => (lastSeenAt ? instantText(lastSeenAt) : null)),
            ])),
          );
        }
        return created;
      }),

    get: ({ ids }) => run((prepared) => read(prepared, 'get', [[...new Set(ids)].filter((id) => !id.includes('\0'))])),

    list: ({ after, limit, owner }) =>
      run((prepared) => {
        const page = [after?.replaceAll('\0', '') ?? '', limit];
        return owner === undefined ? read(prepared, 'list', page) : read(prepared, 'listOfOwner', [...page, owner]);
      }),

    sweep: ({ owner, expected, otherIds }) =>
      run(async ({ reading, mirror }) => {
        const { status, health, reason } = expected;
        const values: unknown[] = [owner, status, health, reason?.code ?? null, otherIds];
        if (mirror !== null) values.push(mirror.words[status]);
        const [count, idHashSum, tuples] = await runner.json<[number, number, SessionTuple[]]>(reading.sweep, values);
        return { count, idHashSum, exceptions: tuples.map((tuple) => readTuple(tuple, mirror)) };
      }),

    write: ({ owner, writes }) => run((prepared) => writeSessions({ runner: rows, prepared, owner, writes })),

    claim: ({ claims, ...claimant }) =>
      run(async (prepared) => {
        const outcomes = new Map<Claim, ClaimOutcome>();
        for (const batch of inBatches(claims)) {
          for (const [claim, outcome] of await claimAroundRefused(prepared, claimant, batch))
            outcomes.set(claim, outcome);
        }
        return claims.flatMap((claim) => outcomes.get(claim) ?? []);
      }),

    claimable: ({ limit, after = '' }) =>
      run(async ({ reading }) => {
        type Answer = [ids: string[], next: string | null, living: string[]];
        const [ids, next, living] = await runner.json<Answer>(reading.claimable, [limit, after]);
        return { ids, next, living };
      }),

    release: (params) => run((prepared) => releaseSessions({ runner: rows, prepared, ...params })),

    setDesired({ id, desired }) {
      // At the call itself: what it waits for must not decide which desired state is the newer one.
      const place = nextPlace();
      return run(async (prepared) => {
        const { setDesired, mirror } = prepared;
        const [found] = await runner.json<[tuple: SessionTuple, counts: boolean][]>(setDesired, [
          lockMs(),
          id,
          desired,
          ...place,
        ]);
        if (found === undefined) return null;
        const [tuple, counts] = found;
        // Not by what the statement read of the host's row: a cleanup that had the row locked meanwhile may have set it
        // inactive since.
        const [woken] = counts && desired === 'running' ? await activateHost(prepared, [id]) : [];
        return woken ?? readTuple(tuple, mirror);
      });
    },

    closeUnheld: (params) => run((prepared) => closeUnheldSessions({ runner: rows, prepared, onRefused, ...params })),

    remove: ({ id }) =>
      run(async ({ writing }) => {
        const [count] = await runner.json<[number]>(writing.remove, [lockMs(), id]);
        return count > 0;
      }),
  };
}

function claimOutcome(params: {
  claim: Claim;
  owner: string;
  stands: boolean;
  late: boolean;
  session: StoredSession | undefined;
  /** Or there was no row. */
  isLocked: boolean;
}): ClaimOutcome {
  const { owner, stands, late, session, isLocked } = params;
  const { id, tenure } = params.claim;
  if (!stands) return { id, claimed: false, why: 'fenced' };
  if (session === undefined) return { id, claimed: false, why: 'missing' };
  // Ours from this claim, or from an earlier try of the same one whose answer got lost.
  if (session.owner === owner && session.tenure === tenure) return { id, claimed: true, session };
  if (isLocked) return { id, claimed: false, why: late ? 'late' : 'locked' };
  if (!session.active && (session.owner === null || session.owner === owner)) {
    return { id, claimed: false, why: late ? 'late' : 'inactive' };
  }
  return { id, claimed: false, why: late ? 'late' : 'held' };
}
