import { randomUUID } from 'node:crypto';
import {
  type GuardedWrite,
  isWaSyncError,
  type RandomSource,
  SESSION_STATUSES,
  type StoredSession,
  type WaSyncErrorCode,
  type WaSyncStore,
} from '@wa-sync/core';
import { beatOf } from '@wa-sync/testing/conformance';
import { change, writeOf } from '../fixtures/hold-sessions.js';

/** Codes that a broken link may give; anything else is a defect. */
const BROKEN: readonly WaSyncErrorCode[] = ['store_unreachable', 'store_timeout'];

/** What was seen to be wrong, and how often calls failed. */
export interface CallFindings {
  readonly wrong: string[];
  failed: number;
  calls: number;
}

/** A session row as the server's own commands read it. */
export interface RawRow {
  readonly status: string;
  readonly version: number;
  readonly owner: string | null;
  readonly tenure: string | null;
  readonly writeId: string | null;
}

/** The server without the store: what the store's answers are held against. */
export interface RawView {
  row(id: string): Promise<RawRow | null>;
  /** Values of all records of a session. */
  credentials(id: string): Promise<Uint8Array[]>;
  /** Adds what a host knows of a conversation before its first message. */
  addConversation(id: string, sessionId: string): Promise<void>;
  /** `closed: null` where the host's row says something else. */
  conversation(id: string): Promise<{ closed: boolean | null; sequence: number }>;
  /** Adds an inactive row, last seen 90 days ago, with credentials. */
  addOld(id: string): Promise<void>;
  remove(id: string): Promise<void>;
}

/** A store with all its parts. */
export type WholeStore = WaSyncStore &
  Required<{ [Part in Exclude<keyof WaSyncStore, 'useLogger' | 'hostSessions'>]: NonNullable<WaSyncStore[Part]> }>;

/** One caller with sessions of its own, whose calls go over links that break. */
export interface RandomCaller {
  readonly ids: readonly string[];
  /** Two replicas that take the sessions from each other. */
  readonly owners: readonly [string, string];
  readonly store: WholeStore;
  readonly raw: RawView;
  readonly random: RandomSource;
  readonly findings: CallFindings;
}

/**
 * Plays calls until `over()`; each is repeated with the same ids until it returns, as the error of a broken link says
 * nothing of the commit.
 */
export async function playRandomCalls(caller: RandomCaller, over: () => boolean): Promise<void> {
  const { ids, owners, store, raw, random, findings } = caller;
  let round = 0;
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random.next() * items.length)]!;
  const chance = (share: number) => random.next() < share;

  async function untilAnswered<T>(run: () => Promise<T>): Promise<T> {
    for (let tries = 0; tries < 300; tries += 1) {
      try {
        findings.calls += 1;
        return await run();
      } catch (error) {
        if (!isWaSyncError(error) || !BROKEN.includes(error.code)) throw error;
        findings.failed += 1;
      }
    }
    throw new Error('not one of 300 tries went through');
  }

  const check = (holds: boolean, words: string) => {
    if (!holds) findings.wrong.push(words);
  };

  async function rowOf(id: string): Promise<RawRow> {
    const row = await raw.row(id);
    if (row === null) throw new Error(`The row of ${id} is gone`);
    return row;
  }

  const read = async (id: string): Promise<StoredSession> =>
    (await untilAnswered(() => store.sessions.get({ ids: [id] })))[0]!;

  async function hold(id: string): Promise<StoredSession> {
    const session = await read(id);
    if (session.tenure !== null) return session;
    const claims = [{ id, tenure: randomUUID(), mode: 'free' as const }];
    const owner = pick(owners);
    const [outcome] = await untilAnswered(() => store.sessions.claim({ owner, claims }));
    if (outcome?.claimed !== true) throw new Error(`${id} was free and not claimed`);
    const row = await rowOf(id);
    check(row.tenure === claims[0]?.tenure && row.version === session.version + 1, `S16 claim of ${id} was made twice`);
    return outcome.session;
  }

  const plays: (() => Promise<void>)[] = [
    async function write() {
      const sessions: StoredSession[] = [];
      const first = await hold(pick(ids));
      for (const id of ids) {
        const session = id === first.id ? first : await read(id);
        if (session.owner === first.owner && session.tenure !== null) sessions.push(session);
      }
      const status = pick(SESSION_STATUSES);
      const writes = sessions.map(
        (session): GuardedWrite =>
          writeOf(session, chance(0.2) ? null : change({ status, reason: { code: `r${round}` } })),
      );
      const outcomes = await untilAnswered(() => store.sessions.write({ owner: first.owner!, writes }));
      for (const [index, { id, writeId, version, set }] of writes.entries()) {
        const row = await rowOf(id);
        check(
          outcomes[index]?.applied === true,
          `S16 a write to ${id} that nobody else could meet was reported as missed`,
        );
        check(
          row.version === version + 1 && row.writeId === writeId,
          `S16 a write to ${id} happened ${row.version - version} times`,
        );
        check(set === null || row.status === status, `a write to ${id} was reported and is not there`);
      }
    },
    async function takeOver() {
      const before = await hold(pick(ids));
      const taker = before.owner === owners[0] ? owners[1] : owners[0];
      const claims = [{ id: before.id, tenure: randomUUID(), mode: 'takeover' as const }];
      const [outcome] = await untilAnswered(() => store.sessions.claim({ owner: taker, claims }));
      check(outcome?.claimed === true, `S2 a take-over of ${before.id} was refused`);
      const late = writeOf(
        { ...before, version: before.version + 1 },
        change({ status: 'ERROR', reason: { code: 'late' } }),
      );
      const [missed] = await untilAnswered(() => store.sessions.write({ owner: before.owner!, writes: [late] }));
      check(missed?.applied === false, `S3 a write under an old tenure of ${before.id} was reported as applied`);
      const freed = await untilAnswered(() =>
        store.sessions.release({
          owner: before.owner!,
          sessions: [{ id: before.id, tenure: before.tenure! }],
          unobservedIds: [],
          reason: { code: 'late' },
        }),
      );
      check(freed.length === 0, `S3 ${before.id} was released under an old tenure`);
      const entries = [{ type: 'creds', id: 'creds', value: new Uint8Array([6, 6, 6]) }];
      const refused = await untilAnswered(() =>
        store.auth.write({ sessionId: before.id, tenure: before.tenure, entries }).then(
          () => 'written',
          (error) => {
            if (isWaSyncError(error) && error.code === 'tenure_lost') return 'refused';
            throw error;
          },
        ),
      );
      check(refused === 'refused', `S3 credentials of ${before.id} were written under an old tenure`);
      const row = await rowOf(before.id);
      check(row.owner === taker && row.tenure === claims[0]?.tenure, `S2 ${before.id} is not held by who took it`);
      check(row.version === before.version + 1, `S3 ${before.id} was changed by who held it before`);
    },
    async function release() {
      const { id, tenure, owner, version } = await hold(pick(ids));
      await untilAnswered(() =>
        store.sessions.release({
          owner: owner!,
          sessions: [{ id, tenure: tenure! }],
          unobservedIds: [],
          reason: { code: 'given_back' },
        }),
      );
      const row = await rowOf(id);
      check(row.owner === null && row.version === version + 1, `S16 ${id} was not released once`);
    },
    async function credentials() {
      const session = await hold(pick(ids));
      const mark = new Uint8Array([round & 255, (round >> 8) & 255]);
      const entries = ['creds', 'key-1', 'key-2'].map((id) => ({
        type: id === 'creds' ? 'creds' : 'session',
        id,
        value: mark,
      }));
      await untilAnswered(() => store.auth.write({ sessionId: session.id, tenure: session.tenure, entries }));
      const values = await raw.credentials(session.id);
      check(
        values.length === entries.length && values.every((value) => Buffer.from(mark).equals(value)),
        `credentials of ${session.id} are not what was written, all of them`,
      );
      if (!chance(0.1)) return;
      await untilAnswered(() => store.auth.purge({ sessionId: session.id }));
      check((await raw.credentials(session.id)).length === 0, `S15 a purge of ${session.id} left credentials`);
    },
    async function slot() {
      const slot = new Date(Date.UTC(2040, 0, 1) + round * 1_000);
      const runId = randomUUID();
      const job = pick(['cleanup', 'inactivity'] as const);
      const owner = pick(owners);
      const answer = await untilAnswered(() => store.jobs.begin({ runId, job, slot, owner }));
      if (!answer.begun) return;
      check(
        await untilAnswered(() => store.jobs.end({ runId, owner, outcome: 'finished', counts: {}, error: null })),
        `S10 run ${runId} could not be ended`,
      );
    },
    async function close() {
      const session = await hold(ids[0]!);
      await untilAnswered(() => store.sessions.write({ owner: session.owner!, writes: [writeOf(session, change())] }));
      const id = `${session.id}-c${round}`;
      await raw.addConversation(id, session.id);
      const say = () =>
        untilAnswered(() =>
          store.conversations.record({
            messages: [{ conversationId: id, sessionId: session.id, from: 'contact', at: new Date() }],
          }),
        );
      const [first] = await say();
      const [second] = await say();
      const close = (sequence: number) =>
        untilAnswered(() =>
          store.conversations.move({ moves: [{ id, sequence, to: 'CLOSED', outgoing: null }], unchangedForMs: 0 }),
        );
      const moved = await close(first!.sequence);
      check(second!.sequence > first!.sequence && moved.length === 0, `S8 ${id} was reported as closed over a message`);
      check((await raw.conversation(id)).closed === false, `S8 ${id} was closed over a message`);
      await close(second!.sequence);
      const { closed, sequence } = await raw.conversation(id);
      // A message that was given up and arrived late is one more, and postpones the closing.
      const postponed = closed === false && sequence > second!.sequence;
      check(postponed || closed === true, `${id} was not closed: ${closed}`);
    },
    async function purge() {
      const id = `${ids[0]}-old${round}`;
      await raw.addOld(id);
      const back = chance(0.5);
      const inactiveForMs = 60 * 86_400_000;
      await untilAnswered(() => store.cleanup.markForPurge({ ids: [id], inactiveForMs, restedForMs: 0 }));
      if (back) await untilAnswered(() => store.sessions.setDesired({ id, desired: 'running' }));
      await untilAnswered(() => store.cleanup.purge({ ids: [id] }));
      const isThere = (await raw.row(id)) !== null;
      check(isThere === back, `S7 ${id} ${back ? 'came back and was purged' : 'was not purged'}`);
      check(back || (await raw.credentials(id)).length === 0, `S15 the purge of ${id} left credentials`);
      if (back) await raw.remove(id);
    },
    async function ask() {
      const session = await hold(pick(ids));
      const id = randomUUID();
      const put = await untilAnswered(() =>
        store.inbox.ask({ asker: owners[0], requests: [{ id, sessionId: session.id, kind: 'sync' }], ttlMs: 60_000 }),
      );
      check(put[0] === id, `a request to ${session.id} was not put`);
      // An answer that got lost may have taken it: then nobody has it, and it is void in time.
      const took = await untilAnswered(() => store.inbox.take({ owner: session.owner!, limit: 100 }));
      await untilAnswered(() =>
        store.inbox.answer({
          owner: session.owner!,
          answers: took.map((request) => ({ id: request.id, body: 'yes' })),
        }),
      );
      await untilAnswered(() => store.inbox.collect({ ids: [id] }));
    },
    async function beat() {
      const answer = await untilAnswered(() => store.leases.beat(beatOf(pick(owners))));
      check(answer.alive, 'S5 a replica that kept renewing was ended');
    },
  ];

  while (!over()) {
    round += 1;
    await pick(plays)();
  }
}
