import type { Trust } from '@wa-sync/fake-whatsapp';

/** What a process that is weighed is given; the credentials follow as its first message. */
export interface HeapSettings {
  readonly kind: 'plain' | 'wa-sync';
  /** So many of the credentials are for sockets that are not counted. */
  readonly warmUp: number;
  readonly url: string;
  readonly trust: Trust;
}

/** Name of the environment variable that carries them. */
export const HEAP_SETTINGS = 'WA_SYNC_CHAOS_HEAP';
