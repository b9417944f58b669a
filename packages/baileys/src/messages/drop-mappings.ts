import type { BaileysSocketLike } from '../client/baileys-like.js';

interface Mappings {
  clear(): void;
  set(...args: unknown[]): unknown;
}

/**
 * Lets the phone and LID pairs of a socket that has ended go for good. Baileys keeps each for three days by a timer that holds the whole cache, and clears the cache with the
 * socket; but a login that was still at work then puts its own pair into it afterwards, so that a session that flaps would leave 6 KB behind each time.
 */
export function dropMappings(socket: BaileysSocketLike): void {
  const { signalRepository } = socket as { signalRepository?: { lidMapping?: { mappingCache?: Partial<Mappings> } } };
  const cache = signalRepository?.lidMapping?.mappingCache;
  if (typeof cache?.clear !== 'function' || typeof cache.set !== 'function') return;
  cache.clear();
  cache.set = () => cache;
}
