import type { WaSyncOptions } from '../src/index.js';
import { createWorld } from './world.js';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
/** Only the check of conversations, every hour: it is ready as soon as there is a lease. */
export const hourly = { jobs: { sync: false, cleanup: false } } as const;
export const at = (time: string) => new Date(`2025-01-01T${time}Z`);

export async function running(options: Partial<WaSyncOptions> = {}, start = '00:59:00') {
  const world = createWorld({ startAt: at(start) });
  const { wa, events } = world.replica({ ...hourly, ...options });
  await world.during(wa.start(), 0);
  const slots = (name: string) =>
    events
      .filter((event) => event.name === name)
      .map(({ payload }) => (payload as { slot: Date | null }).slot?.toISOString().slice(11, 19) ?? null);
  const runs = () => world.memory.jobs.list({ limit: 1_000 });
  return { ...world, wa, events, slots, runs };
}

/** One conversation that has been inactive for long enough to be judged. */
export async function inactiveConversation(world: Awaited<ReturnType<typeof running>>, id = 'c') {
  await world.during(world.wa.attach(world.connection(`s-${id}`)).ready, 0);
  await world.wa.recordMessage({ conversationId: id, sessionId: `s-${id}`, from: 'contact', at: world.clock.now() });
}
