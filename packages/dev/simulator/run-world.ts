/** Plays one seed from its start to its calm end and returns its history. */
import { createDraw, type Draw } from './draw.js';
import { drawSettings, type WorldPlan } from './draw-settings.js';
import type { HistoryEntry } from './history.js';
import { createFaultInjector, type FaultInjector } from './inject-faults.js';
import { createWorld, type World } from './world.js';

const DAY_MS = 86_400_000;

export interface WorldRun {
  readonly plan: WorldPlan;
  readonly history: readonly HistoryEntry[];
  /** How often each fault met each state. */
  readonly hits: ReadonlyMap<string, number>;
  readonly steps: number;
}

/** Rows, old sessions with credentials, and conversations that were there before the first process. */
/** Also for a world without a seed of its own. */
export async function seedStore({ plan, server }: World, draw: Draw): Promise<void> {
  const credentials = [{ type: 'creds', id: 'creds', value: new Uint8Array([1]) }];
  for (const [id, days] of plan.forgotten) {
    await server.seed(days * DAY_MS + draw.between(0, DAY_MS / 2), async (memory) => {
      await memory.sessions.create({ sessions: [{ id, desired: 'stopped' }] });
      await memory.auth.write({ sessionId: id, tenure: null, entries: credentials });
    });
  }
  await server.seed(0, async (memory) => {
    // What the host runs itself is nothing for the provider.
    const attached = plan.attached.map((id) => ({ id, desired: 'stopped' as const }));
    const provided = plan.provided.map((id) => ({ id, desired: 'running' as const }));
    await memory.sessions.create({ sessions: [...attached, ...provided] });
    // What an earlier system left behind says that it is connected, and nobody has it.
    await memory.sessions.create({ sessions: [{ id: 'ghost', desired: 'stopped', status: 'CONNECTED' }] });
  });
}

/** People who write, and hosts that ask. */
function scheduleTraffic(world: World, draw: Draw): void {
  const { plan, timeline, server } = world;
  const sessions = [...plan.attached, ...plan.provided];
  const conversations = Array.from({ length: plan.conversations }, (_, index) => ({
    conversationId: `c${index}`,
    sessionId: draw.pick(sessions),
    chat: draw.chance(0.9) ? `55119${index}@s.whatsapp.net` : `${index}@g.us`,
  }));
  const say = (conversation: (typeof conversations)[number]): void => {
    const via = world.replicas().find((replica) => replica.phase === 'running' && replica.process.state === 'running');
    if (!via) return;
    // WhatsApp's own time of the message; some were written while the number was offline.
    const at = new Date(server.nowMs() - (draw.chance(0.1) ? draw.between(0, 600_000) : 0));
    const message = { ...conversation, from: draw.pick(['contact', 'agent'] as const), at };
    via.process.deliver(() => void via.wa.recordMessage(message).catch(() => {}));
  };
  const speak = (): void => {
    say(draw.pick(conversations));
    timeline.after(draw.between(5_000, 60_000), speak);
  };
  timeline.after(draw.between(5_000, 15_000), speak);
  // Somebody writes in the very moment in which the conversation is closed.
  world.onCall = (method, given) => {
    const moves = method === 'move' ? (given.moves as readonly { id: string }[]) : [];
    const id = method === 'beginSend' || method === 'endSend' ? given.id : moves[0]?.id;
    const conversation = conversations.find((one) => one.conversationId === id);
    if (!conversation || !draw.chance(0.15)) return;
    world.hit('message_races', method);
    timeline.after(draw.between(0, 8), () => say(conversation));
  };
  const ask = (): void => {
    const replicas = world.replicas();
    const asked = replicas.length > 0 ? draw.pick(replicas) : null;
    if (asked?.phase === 'running') {
      asked.process.deliver(() => {
        void asked
          .sync({ forced: draw.chance(0.4) })
          .then(() => world.noteTruth('after-sync', asked.incarnation ?? undefined));
      });
    }
    timeline.after(draw.between(15_000, 60_000), ask);
  };
  timeline.after(draw.between(10_000, 40_000), ask);
  // Whoever is asked, the answer is that of the replica that has the session.
  const question = (): void => {
    const running = world.replicas().filter((replica) => replica.phase === 'running');
    const session = draw.pick(sessions);
    if (running.length > 0) {
      const replica = draw.pick(running);
      const kind = draw.pick(['status', 'status', 'sync', 'force'] as const);
      replica.process.deliver(() => void replica.ask(kind, session));
    }
    timeline.after(draw.between(5_000, 40_000), question);
  };
  timeline.after(draw.between(10_000, 40_000), question);
}

function scheduleFaults({ plan, timeline }: World, faults: FaultInjector, draw: Draw): void {
  const next = (): void => {
    if (timeline.nowMs() >= plan.calmFromMs) return;
    faults.inject(draw.pick(plan.faults));
    timeline.after(Math.round(-Math.log(1 - draw.next()) * plan.faultEveryMs), next);
  };
  timeline.after(draw.between(1_000, 20_000), next);
}

/** The whole cluster is off the power for a while. */
function scheduleBlackout(world: World): void {
  const { blackout } = world.plan;
  if (!blackout) return;
  world.timeline.after(blackout.atMs, () => {
    world.hit('blackout', `${world.replicas().length}_replicas`);
    const names = world.replicas().map((replica) => replica.process.replicaId);
    world.supervise = false;
    for (const replica of world.replicas()) replica.crash();
    world.timeline.after(blackout.ms, () => {
      world.supervise = true;
      for (const name of new Set(names)) world.boot(name);
    });
  });
}

export async function runWorld(seed: number): Promise<WorldRun> {
  const plan = drawSettings(seed);
  const world = createWorld(plan);
  const { timeline, recorder } = world;
  const rejected = (error: unknown): void => {
    recorder.note({
      actor: 'world',
      what: 'rejection',
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  };
  process.on('unhandledRejection', rejected);
  try {
    const draw = createDraw(seed, 'run');
    await seedStore(world, draw);
    for (let index = 1; index <= plan.replicas; index += 1) {
      timeline.after(draw.between(0, 3_000), () => world.boot(`r${index}`));
    }
    const faults = createFaultInjector(world, createDraw(seed, 'faults'));
    scheduleTraffic(world, createDraw(seed, 'traffic'));
    scheduleFaults(world, faults, createDraw(seed, 'schedule'));
    scheduleBlackout(world);
    await timeline.run(plan.calmFromMs);
    faults.endAll();
    recorder.note({ actor: 'world', what: 'calm' });
    await timeline.run(plan.endMs);
    world.noteTruth('end');
    await timeline.run(plan.endMs + 1);
  } finally {
    process.off('unhandledRejection', rejected);
  }
  return { plan, history: recorder.entries, hits: world.hits, steps: timeline.steps };
}
