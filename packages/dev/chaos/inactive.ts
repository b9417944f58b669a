import { setTimeout as pause } from 'node:timers/promises';
import type { RawChange, RawReplica, RawRow } from './audit.js';
import { awaitConnected, rowsNotConnected } from './await-connected.js';
import { type ChaosWorld, startWorld } from './chaos-world.js';
import type { ReplicaMessage } from './replica-settings.js';
import { startReplica } from './start-replica.js';

/** What `playInactive` takes. */
export interface InactiveOptions {
  readonly minutes: number;
  /** @defaultValue 20 */
  readonly sessions?: number;
  /** Called once all are connected, to see that a disturbance does not go unnoticed. */
  readonly disturb?: (world: ChaosWorld) => void;
  readonly print: (line: string) => void;
}

const LOGIN_WITHIN_MS = 60_000;
const CHECK_EVERY_MS = 1_000;
const REPORT_EVERY_MS = 60_000;

/**
 * Healthy accounts on which nothing happens: real Baileys sockets at default settings in one process, and a server
 * that answers what it is asked and sends nothing by itself. Returns what went wrong: nothing may reconnect, no row
 * may change, nobody may raise an alarm.
 */
export async function playInactive({ minutes, sessions = 20, disturb, print }: InactiveOptions): Promise<string[]> {
  const world = await startWorld(sessions);
  const heard: ReplicaMessage[] = [];
  const replica = startReplica(
    world.program,
    {
      name: 'inactive-1',
      replicaId: 'inactive',
      databaseUrl: world.database.url(),
      whatsAppUrl: world.whatsapp.url,
      trust: world.whatsapp.trust,
      waSync: {},
      provider: {},
    },
    (message) => heard.push(message),
  );
  let over = false;
  void replica.ended.then(() => {
    over = true;
  });
  try {
    await replica.running;
    await awaitConnected(world, LOGIN_WITHIN_MS);
    const { accepted } = world.whatsapp;
    const changesBefore = (await world.changes()).length;
    const framesBefore = lastFrames(world);
    // What is said while it starts is advice on the configuration.
    heard.length = 0;
    print(`${sessions} accounts are connected; nothing is to happen for ${minutes} min`);
    disturb?.(world);
    const startedMs = performance.now();
    let reportedMs = startedMs;
    const dips: string[] = [];
    while (performance.now() - startedMs < minutes * 60_000 && !over) {
      await pause(CHECK_EVERY_MS);
      const connected = world.whatsapp.connected().length;
      if (connected < sessions && dips.length < 100) dips.push(`the server saw ${connected} of ${sessions} connected`);
      if (performance.now() - reportedMs >= REPORT_EVERY_MS) {
        reportedMs = performance.now();
        const tookMin = ((reportedMs - startedMs) / 60_000).toFixed(0);
        print(
          `  ${tookMin} of ${minutes} min, ${connected} connected, ${world.whatsapp.accepted - accepted} new connections`,
        );
      }
    }
    // A reconnect that is under way is reported whole; one that never ends is a row that is not connected.
    if (!over) await awaitConnected(world, LOGIN_WITHIN_MS).catch(() => {});
    const changes = (await world.changes()).slice(changesBefore);
    const alarms = heard.flatMap((one) => (one.kind === 'said' || one.kind === 'rejection' ? [describe(one)] : []));
    const asked = lastFrames(world).filter((at, n) => at > framesBefore[n]!).length;
    print(
      `${sessions} accounts over ${minutes} min: ${world.whatsapp.accepted - accepted} reconnects, ${changes.length} changes of rows, ` +
        `${alarms.length} alarms; ${asked} accounts were asked for a sign of life`,
    );
    return [
      ...(over ? ['the process ended'] : []),
      ...(world.whatsapp.accepted > accepted ? [`${world.whatsapp.accepted - accepted} new connections`] : []),
      ...dips,
      ...changes.map(describeChange),
      ...alarms,
      ...(await rowsNotConnected(world)),
      // Without a frame in all the time nothing was put to the test.
      ...(asked < sessions && minutes >= 1 ? [`only ${asked} accounts sent a frame`] : []),
    ];
  } finally {
    await replica.stop();
    await world.stop();
  }
}

function lastFrames(world: ChaosWorld): number[] {
  return world.whatsapp.sessions().map(({ lastFrameAt }) => lastFrameAt?.getTime() ?? 0);
}

function describeChange({ at, actor, of, before, after }: RawChange): string {
  if (of === 'replica') {
    const { fenced_at, mass_outage } = (after ?? before) as RawReplica;
    return `${at.toISOString()} ${actor}: lease fenced ${fenced_at}, mass outage ${mass_outage}`;
  }
  const words = (row: unknown) => {
    const { status, health, reason_code } = (row ?? {}) as Partial<RawRow>;
    return `${status}/${health}/${reason_code}`;
  };
  return `${at.toISOString()} ${actor} wrote ${(after as RawRow | null)?.id}: ${words(before)} -> ${words(after)}`;
}

function describe(message: Extract<ReplicaMessage, { kind: 'said' | 'rejection' }>): string {
  if (message.kind === 'rejection') return `unhandled rejection: ${message.error}`;
  return `${message.level} ${message.code}: ${message.message}`;
}
