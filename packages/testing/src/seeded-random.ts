import type { RandomSource } from '@wa-sync/core';

/**
 * Spreads one number over the words of a larger state. Source: SplitMix (Steele, Lea, Flood, OOPSLA 2014) with the
 * 32-bit finalizer of MurmurHash3.
 */
function createSplitMix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x85ebca6b);
    mixed ^= mixed >>> 13;
    mixed = Math.imul(mixed, 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
}

const rotateLeft = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

/**
 * Chance that is the same for the same seed, on every machine and in every version of this package. Never for secrets.
 * The generator is xoshiro128** 1.1 (Blackman, Vigna, https://prng.di.unimi.it/xoshiro128starstar.c).
 *
 * @param seed a whole number from 0 to 2^32 - 1; any other is a `RangeError`
 * @example
 * const random = createSeededRandom(42);
 * random.next(); // in [0, 1)
 * random.token(); // 32 hexadecimal digits
 */
export function createSeededRandom(seed: number): RandomSource {
  if (seed >>> 0 !== seed) throw new RangeError('A seed is a whole number from 0 to 4294967295');
  const word = createSplitMix32(seed);
  const state: [number, number, number, number] = [word(), word(), word(), word()];
  // The generator stands still at all zeros.
  if (state.every((part) => part === 0)) state[0] = 1;

  function nextWord(): number {
    const result = Math.imul(rotateLeft(Math.imul(state[1], 5), 7), 9) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotateLeft(state[3], 11);
    return result;
  }

  return {
    next: () => nextWord() / 2 ** 32,
    token: () => Array.from({ length: 4 }, () => nextWord().toString(16).padStart(8, '0')).join(''),
  };
}
