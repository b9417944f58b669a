import type { WaSyncOptions } from '@wa-sync/core';

/** What a lone replica is given; plain JSON. */
export interface LoneSettings {
  /** Of a Postgres or a Redis. */
  readonly url: string;
  readonly replicaId: string | undefined;
  readonly lease: WaSyncOptions['lease'];
}

/** Name of the environment variable that carries them. */
export const LONE_REPLICA = 'WA_SYNC_LONE_REPLICA';

/** What it says. */
export type LoneMessage =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'rejection'; readonly text: string };
