import type { GuardedWrite, StatusChange, WriteOutcome } from '@wa-sync/core';
import type { StatementRunner } from '../driver/run-statement.js';
import { inBatches } from '../driver/run-statement.js';
import { readTuple, type SessionTuple } from '../rows/session-row.js';
import { type AppliedRow, type AttemptMode, type ChangedRow, mirroredWrites } from '../statements/apply-mirrored.js';
import type { PreparedStore } from '../statements/prepare-store.js';

/** Postgres takes no text with a NUL in it, and one in the text of a remote error must not fail a thousand writes. */
const plain = (text: string | null | undefined): string | null => text?.replaceAll('\0', '') ?? null;

/** Guarded writes, a thousand in a statement, the host's rows with them. */
export async function writeSessions(params: {
  runner: StatementRunner;
  prepared: PreparedStore;
  owner: string;
  writes: readonly GuardedWrite[];
}): Promise<WriteOutcome[]> {
  const { writes } = params;
  const outcomes = new Map<GuardedWrite, WriteOutcome>();
  for (const batch of inBatches(writes)) {
    for (const [write, outcome] of await writeBatch({ ...params, writes: batch })) outcomes.set(write, outcome);
  }
  return writes.map((write) => outcomes.get(write) ?? { id: write.id, applied: false });
}

async function writeBatch(params: {
  runner: StatementRunner;
  prepared: PreparedStore;
  owner: string;
  writes: readonly GuardedWrite[];
}): Promise<Map<GuardedWrite, WriteOutcome>> {
  const { runner, prepared, owner, writes } = params;
  const { mirror, writing, writingOursOnly, reading } = prepared;
  const { lockMs } = runner.limits;
  const mirrored = mirroredWrites({ runner, mirror, statements: writing, waitMs: lockMs });
  const refused = new Map<GuardedWrite, unknown>();
  const run = (items: readonly GuardedWrite[], mode: AttemptMode): Promise<ChangedRow[]> => {
    const statements = mode.mirror ? writing : writingOursOnly;
    const columns = columnsOf(items);
    if (items.length === 1) {
      return runner.json<ChangedRow[]>(statements.writeOne, [
        String(lockMs),
        owner,
        ...columns.map(([value]) => value),
      ]);
    }
    return runner.json<ChangedRow[]>(statements.write, [String(lockMs), owner, ...columns]);
  };
  const applied = await mirrored.apply(writes, run, (write, error) => refused.set(write, error));
  const rows = new Map<string, AppliedRow>(applied.map((row) => [row.tuple[0], row]));
  const outcomes = new Map<GuardedWrite, WriteOutcome>();
  const missed: GuardedWrite[] = [];
  for (const write of writes) {
    const row = rows.get(write.id);
    if (row === undefined) missed.push(write);
    else outcomes.set(write, outcomeOf(row.tuple, row.blocked, prepared));
  }
  if (missed.length === 0) return outcomes;
  // Asked in a new statement, which also sees a commit of ours that was in flight just now.
  const found = await runner.json<(SessionTuple | string)[]>(reading.missed, [
    owner,
    missed.map(({ id }) => id),
    missed.map(({ tenure }) => tenure),
    missed.map(({ writeId }) => writeId),
    missed.map(({ version }) => version),
  ]);
  const known = new Map(found.map((one) => (typeof one === 'string' ? [one, null] : [one[0], one])));
  for (const write of missed) {
    const { id } = write;
    const tuple = known.get(id);
    const error = refused.get(write);
    if (tuple) outcomes.set(write, outcomeOf(tuple, null, prepared));
    else if (error !== undefined) outcomes.set(write, { id, applied: false, refused: runner.translate(error) });
    else if (tuple === null) outcomes.set(write, { id, applied: false, locked: true });
  }
  return outcomes;
}

function outcomeOf(tuple: SessionTuple, blocked: string | null, { mirror }: PreparedStore): WriteOutcome {
  const session = readTuple(tuple, mirror);
  return { id: session.id, applied: true, session, ...(blocked === null ? {} : { mirrorBlocked: blocked }) };
}

function columnsOf(writes: readonly GuardedWrite[]): unknown[][] {
  const set = <T>(value: (set: StatusChange) => T) =>
    writes.map((write) => (write.set === null ? null : value(write.set)));
  return [
    writes.map(({ id }) => id),
    writes.map(({ tenure }) => tenure),
    writes.map(({ version }) => version),
    writes.map(({ writeId }) => writeId),
    writes.map((write) => write.set === null),
    set(({ status }) => status),
    set(({ health }) => health),
    set(({ reason }) => plain(reason?.code)),
    set(({ reason }) => plain(reason?.detail)),
    set(({ reconnectAttempt }) => reconnectAttempt),
    set(({ phone }) => plain(phone)),
    set(({ qr }) => plain(qr)),
    set(({ seenAgoMs }) => seenAgoMs),
  ];
}
