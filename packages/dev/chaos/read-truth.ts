import type { HistoryFact, TrueSession } from '../simulator/index.js';
import type { RawReplica } from './audit.js';
import type { ChaosWorld } from './chaos-world.js';
import { toStoredSession } from './history-of-rows.js';
import { processOf } from './record-links.js';
import type { ReplicaSlot } from './replica-slots.js';

type Truth = Extract<HistoryFact, { what: 'truth' }>;

/** Incarnations by the name of the process that joined under them, newest last. */
async function incarnationsOf(world: ChaosWorld): Promise<Map<string, string[]>> {
  const known = new Map<string, string[]>();
  for (const { of, before, after, actor } of await world.changes()) {
    if (of !== 'replica' || before !== null) continue;
    known.set(actor, [...(known.get(actor) ?? []), (after as RawReplica).incarnation]);
  }
  return known;
}

/** The newest incarnation of a process. */
export async function incarnationOf(world: ChaosWorld, process: string): Promise<string> {
  const incarnation = (await incarnationsOf(world)).get(process)?.at(-1);
  if (incarnation === undefined) throw new Error(`${process} never joined`);
  return incarnation;
}

/** All rows by SQL, beside what the server sees of each number. */
export async function readTruth(
  world: ChaosWorld,
  slots: readonly ReplicaSlot[],
  about: { moment: Truth['moment']; of?: string },
): Promise<Truth> {
  const [rows, shown, incarnations] = await Promise.all([world.rows(), world.shown(), incarnationsOf(world)]);
  const newest = (process: string) => incarnations.get(process)?.at(-1) ?? null;
  const sessions = [...world.phones].map(([session, phone]): TrueSession => {
    const device = world.whatsapp.session(phone);
    const online = device.connections.find(({ state }) => state === 'online');
    const openAt = online ? processOf(online.path) : null;
    const openBy = openAt === null ? null : newest(openAt);
    return {
      session,
      mode: 'provided',
      login: device.linked ? 'paired' : 'logged_out',
      openAt,
      openBy,
      exempt: null,
      // What the connection itself says is not to be had from outside; what the server says of it is.
      said: openBy === null ? {} : { [openBy]: 'CONNECTED' },
    };
  });
  return {
    what: 'truth',
    actor: 'judge',
    ...about,
    rows: rows.map((row) => toStoredSession(row, shown.get(row.id))),
    living: slots.flatMap(({ process }) => (process ? (newest(process.name) ?? []) : [])),
    sessions,
  };
}

/** Sessions whose row and the server's view of them differ, in words; empty where all agree. */
export function differencesIn(truth: Truth): string[] {
  const rows = new Map(truth.rows.map((row) => [row.id, row]));
  return truth.sessions.flatMap(({ session, openAt, openBy }) => {
    const row = rows.get(session);
    const agrees =
      row?.effective.status === 'CONNECTED' && row.status === 'CONNECTED' && openBy !== null && row.owner === openBy;
    return agrees ? [] : [`${session}: ${row?.status} (${row?.reason?.code}) of ${row?.owner}, open at ${openAt}`];
  });
}
