/**
 * One world: WhatsApp, a store, and a few processes with the real engine, all on one timeline. Owns what is true and
 * writes it down; nothing in here asks the engine what it believes.
 */
import { createDraw } from './draw.js';
import type { WorldPlan } from './draw-settings.js';
import { createRecorder, type EntryOf, type Recorder, type StoreMethod, type TrueSession } from './history.js';
import { createReplica, type Replica } from './replica.js';
import { createSimProcess } from './sim-process.js';
import type { StoreWeather } from './store-client.js';
import { createStoreServer, type StoreParams, type StoreServer } from './store-server.js';
import { createTimeline, type Timeline } from './timeline.js';
import { createWhatsApp, type WhatsApp } from './whatsapp.js';

/** The longest that a question to another replica waits, and the probe that it asks for. */
const FORCED_MS = 60_000;

export interface World {
  readonly plan: WorldPlan;
  readonly timeline: Timeline;
  readonly recorder: Recorder;
  readonly server: StoreServer;
  readonly whatsapp: WhatsApp;
  /** The living processes. */
  replicas(): Replica[];
  boot(replicaId: string): Replica;
  /** Where the host runs an attached session. */
  homeOf(session: string): string | null;
  move(session: string, replicaId: string): void;
  exempt(session: string, why: string): void;
  outage(cut: StoreWeather['cut']): void;
  /** Notes a raw read beside the truth. */
  noteTruth(moment: EntryOf<'truth'>['moment'], of?: string): void;
  /** How often each fault met each state. */
  readonly hits: Map<string, number>;
  hit(kind: string, met: string): void;
  /** Whether processes that end come back. */
  supervise: boolean;
  /** Every call to the store, as it leaves its process. */
  onCall: (method: StoreMethod, given: StoreParams) => void;
}

/** A world in which nothing has happened yet. `framesEveryMs`: how often a link that nobody uses hears anything. */
export function createWorld(plan: WorldPlan, { framesEveryMs }: { framesEveryMs?: number } = {}): World {
  const timeline = createTimeline();
  const recorder = createRecorder(timeline.nowMs);
  const draw = createDraw(plan.seed, 'world');
  const server = createStoreServer({ timeline, recorder, startMs: plan.storeStartMs });
  const whatsapp = createWhatsApp({ timeline, recorder, draw: createDraw(plan.seed, 'whatsapp'), framesEveryMs });
  const homes = new Map<string, string>(
    plan.attached.map((session) => [session, `r${draw.between(1, plan.replicas)}`]),
  );
  const alive = new Set<Replica>();
  const exempt = new Map<string, string>();
  const hits = new Map<string, number>();
  const forcedUntil = new Map<string, number>();
  let cut: StoreWeather['cut'] = null;
  let boots = 0;
  let calls = 0;

  recorder.note({ actor: 'world', what: 'settings', settings: settingsOf(plan) });

  function hit(kind: string, met: string): void {
    const key = `${kind} ${met}`;
    hits.set(key, (hits.get(key) ?? 0) + 1);
  }

  /** The clock is the host's, whichever of its processes runs. */
  function rateOf(replicaId: string): number {
    const { clocks } = plan;
    if ('all' in clocks) return clocks.all;
    const own = createDraw(plan.seed, `clock ${replicaId}`);
    return 1 + own.pick([-1, 1, own.next() * 2 - 1]) * clocks.apart;
  }

  /** Whoever lives on has something to write just when its lease was ended. */
  function fallOfOwner(incarnation: string): void {
    timeline.after(50, () => {
      const owner = world.replicas().find((replica) => replica.incarnation === incarnation);
      const open = [...(owner?.lines.keys() ?? [])].find(
        (session) => whatsapp.linkOf(session)?.process === owner?.process,
      );
      if (open !== undefined) whatsapp.endByServer(open, 'restart_required');
    });
  }

  const world: World = {
    plan,
    timeline,
    recorder,
    server,
    whatsapp,
    hits,
    hit,
    supervise: true,
    onCall: () => {},
    replicas: () => [...alive].filter((replica) => replica.phase !== 'gone'),
    boot(replicaId) {
      boots += 1;
      const name = `${replicaId}.${boots}`;
      const own = createDraw(plan.seed, name);
      const process = createSimProcess({
        name,
        replicaId,
        timeline,
        draw: own,
        recorder,
        // No two hosts agree on the time of day.
        wallStartMs: plan.storeStartMs + own.between(-5_000, 5_000),
        clockRate: rateOf(replicaId),
      });
      const { clockRate } = process;
      if (clockRate !== 1) {
        hit('clock_drift', clockRate < 1 ? 'slow' : 'fast');
        recorder.note({ actor: name, what: 'clock-rate', rate: clockRate });
      }
      const replica: Replica = createReplica({
        process,
        timeline,
        recorder,
        server,
        whatsapp,
        random: createDraw(plan.seed, `engine ${name}`),
        draw: own,
        options: plan.options,
        withProvider: plan.provided.length > 0,
        throwingListeners: plan.throwingListeners,
        nextCall: () => ++calls,
        outage: () => cut,
        onFault: (actor, kind, method) => {
          recorder.note({ actor, what: 'fault', kind, target: actor, met: method });
          hit(kind, method);
        },
        onCall: (method, given) => {
          if (method === 'fence') fallOfOwner(String(given.incarnation));
          world.onCall(method, given);
        },
        onForce: (session) => void forcedUntil.set(session, timeline.nowMs() + FORCED_MS),
        askedByForce: (session) => (forcedUntil.get(session) ?? 0) > timeline.nowMs(),
        onStartFailed: () => {
          replica.crash();
          alive.delete(replica);
          if (world.supervise) timeline.after(5_000, () => world.boot(replicaId));
        },
      });
      alive.add(replica);
      for (const [session, home] of homes) {
        if (home !== replicaId) continue;
        process.clock.schedule(() => replica.attach(session), own.between(0, 3_000));
      }
      return replica;
    },
    homeOf: (session) => homes.get(session) ?? null,
    move: (session, replicaId) => void homes.set(session, replicaId),
    exempt: (session, why) => void exempt.set(session, why),
    outage(next) {
      cut = next;
      recorder.note({ actor: '*', what: 'impaired', by: 'outage', on: next !== null });
      if (next === null) for (const replica of world.replicas()) replica.client.flush();
    },
    noteTruth(moment, of) {
      if (moment === 'end') {
        void server.transitions().then((all) => recorder.note({ actor: 'world', what: 'transitions', all }));
      }
      // What the store says now, effective status included, which depends on the time of the read.
      void server.memory.sessions.list({ limit: 1_000 }).then((rows) => {
        recorder.note({
          actor: 'world',
          what: 'truth',
          moment,
          ...(of === undefined ? {} : { of }),
          rows,
          living: world.replicas().flatMap((replica) => (replica.incarnation ? [replica.incarnation] : [])),
          sessions: [...plan.attached, ...plan.provided].map(trueSession),
        });
      });
    },
  };

  function trueSession(session: string): TrueSession {
    const link = whatsapp.linkOf(session);
    const open = link?.state === 'open' ? link : null;
    const owner = open ? world.replicas().find((replica) => replica.process === open.process) : undefined;
    const said: TrueSession['said'] = Object.fromEntries(
      world.replicas().flatMap((replica) => {
        const status = replica.said(session);
        return replica.incarnation && status ? [[replica.incarnation, status]] : [];
      }),
    );
    return {
      session,
      mode: plan.attached.includes(session) ? 'attached' : 'provided',
      login: whatsapp.login(session),
      openAt: open?.process.name ?? null,
      openBy: owner?.incarnation ?? null,
      exempt: exempt.get(session) ?? null,
      said,
    };
  }

  return world;
}

function settingsOf(plan: WorldPlan): EntryOf<'settings'>['settings'] {
  const { seed, ttlMs, tickMs, probeTimeoutMs, silenceMs, failures, storeLimitMs, timeZone, daily } = plan;
  const { inactiveAfterMs, storeStartMs, afterDays, purgeAfterDays, calmFromMs, rollbacks, endMs } = plan;
  return {
    ...{ seed, ttlMs, tickMs, probeTimeoutMs, silenceMs, failures, storeLimitMs, timeZone, daily },
    ...{ inactiveAfterMs, storeStartMs, afterDays, purgeAfterDays, calmFromMs, rollbacks, endMs },
  };
}
