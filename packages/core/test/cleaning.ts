import type { WaSyncOptions } from '../src/index.js';
import { createWorld } from './world.js';

export const DAY = 86_400_000;
/** After this time the logins of a start count as done. */
export const SETTLED = 601_000;
export const off = { jobs: { sync: false, cleanup: false, inactivity: false } } as const;

/** A replica and rows that nobody uses. */
export async function cleaning(options: Partial<WaSyncOptions> = {}) {
  const world = createWorld();
  const { wa, events } = world.replica({ ...off, ...options });
  const ids = (count: number) => Array.from({ length: count }, (_, index) => `s${String(index).padStart(4, '0')}`);
  async function add(count: number): Promise<string[]> {
    const made = ids(count);
    await world.memory.sessions.create({ sessions: made.map((id) => ({ id, desired: 'stopped' as const })) });
    return made;
  }
  /** Time goes by for the store without a replica, then one starts and its logins are done. */
  async function startAfter(days: number): Promise<void> {
    await world.clock.advance(days * DAY);
    await world.during(wa.start(), SETTLED);
  }
  /** Time of the store alone, so that a test need not live through every tick of a month. */
  const daysLater = (days: number) => world.clock.jumpWallClock(days * DAY);
  const rows = async () => world.memory.sessions.list({ limit: 1_000 });
  const clean = (...params: Parameters<typeof wa.cleanupSessions>) =>
    world.during(wa.cleanupSessions(...params), 60_000);
  return { ...world, wa, events, add, startAfter, daysLater, rows, clean };
}
