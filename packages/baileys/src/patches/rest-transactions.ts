/**
 * Disables the `AsyncLocalStorage` of a Baileys socket while no transaction of its keys is under way.
 *
 * Baileys makes one for every socket, and Node before 24 never lets go of one that was used: each promise of the
 * process then carries a field for every socket that was ever opened. After a thousand reconnects everything is slow,
 * and the heap has grown by 75 MB.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { BaileysSocketLike } from '../client/baileys-like.js';

interface TransactionalKeys {
  isInTransaction?(): boolean;
  transaction?: ((...args: unknown[]) => Promise<unknown>) & { [RESTS]?: true };
}

const RESTS = Symbol.for('@wa-sync/rests');

export function restTransactions(socket: BaileysSocketLike): void {
  const keys = (socket.authState as { keys?: TransactionalKeys } | undefined)?.keys;
  const transaction = keys?.transaction;
  if (!keys || typeof transaction !== 'function' || transaction[RESTS]) return;
  const storage = storageOf(keys);
  if (storage === null) return;
  let running = 0;
  async function resting(...args: unknown[]): Promise<unknown> {
    running += 1;
    try {
      return await transaction?.apply(keys, args);
    } finally {
      running -= 1;
      // The next transaction enables it again by itself.
      if (running === 0) storage?.disable();
    }
  }
  keys.transaction = Object.assign(resting, { [RESTS]: true as const });
}

/** It is hidden inside Baileys; `isInTransaction` asks it, and nothing else happens in between. */
function storageOf(keys: TransactionalKeys): AsyncLocalStorage<unknown> | null {
  if (typeof keys.isInTransaction !== 'function') return null;
  const { prototype } = AsyncLocalStorage;
  const { getStore } = prototype;
  let found: AsyncLocalStorage<unknown> | null = null;
  prototype.getStore = function (this: AsyncLocalStorage<unknown>) {
    found = this;
    return getStore.call(this);
  };
  try {
    keys.isInTransaction();
  } finally {
    prototype.getStore = getStore;
  }
  return found;
}
