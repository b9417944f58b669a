import { setTimeout as pause } from 'node:timers/promises';
import type { ChaosWorld } from './chaos-world.js';

/** Waits until every row says CONNECTED and the server sees as many; returns how long that took. */
export async function awaitConnected(world: ChaosWorld, withinMs: number): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    const missing = await rowsNotConnected(world);
    const tookMs = performance.now() - startedMs;
    if (missing.length === 0 && world.whatsapp.connected().length === world.phones.size) return tookMs;
    if (tookMs > withinMs) throw new Error(`Not connected after ${withinMs} ms: ${missing.slice(0, 20).join(', ')}`);
    await pause(100);
  }
}

/** The rows that say something else, in words. */
export async function rowsNotConnected(world: ChaosWorld): Promise<string[]> {
  const rows = await world.rows();
  return rows
    .filter(({ status, health, evidence }) => status !== 'CONNECTED' || health !== 'healthy' || evidence !== 'observed')
    .map(({ id, status, health, evidence }) => `${id} reads ${status}, ${health}, ${evidence}`);
}
