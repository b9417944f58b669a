import type { BaileysProviderOptions } from '@wa-sync/baileys';
import type { WaSyncOptions } from '@wa-sync/core';
import type { Trust } from '@wa-sync/fake-whatsapp';

/** What a process of the app is given by the judge that starts it; plain JSON. */
export interface ReplicaSettings {
  /** Name of the process, also of its connections to the database. */
  readonly name: string;
  readonly replicaId: string;
  readonly databaseUrl: string;
  readonly whatsAppUrl: string;
  readonly trust: Trust;
  /** Beyond the defaults. */
  readonly waSync: Pick<WaSyncOptions, 'lease' | 'probe' | 'jobs'>;
  readonly provider: Pick<
    BaileysProviderOptions,
    'backoff' | 'attemptTimeoutMs' | 'handlersStalledAfterMs' | 'loginJitterMs' | 'maxLogins'
  > & { readonly socketConfig?: object };
}

/** Name of the environment variable that carries them. */
export const REPLICA_SETTINGS = 'WA_SYNC_CHAOS_REPLICA';

/** What such a process reports to its judge. Warnings and errors of the library's log come as `said`. */
export type ReplicaMessage =
  | { readonly kind: 'running' }
  /** A forced sync is over; `healed` are the sessions that it found dead. */
  | { readonly kind: 'synced'; readonly checked: number; readonly unknown: number; readonly healed: readonly string[] }
  | { readonly kind: 'said'; readonly level: 'warn' | 'error'; readonly code: string; readonly message: string }
  | { readonly kind: 'rejection'; readonly error: string };

/** What the judge asks of it. */
export type ReplicaOrder =
  | { readonly kind: 'pair'; readonly sessionId: string }
  | { readonly kind: 'force-sync' }
  /** Blocks its event loop. */
  | { readonly kind: 'stall'; readonly forMs: number };
