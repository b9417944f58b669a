import type { BaileysProviderOptions } from '@wa-sync/baileys';
import type { WaSyncOptions } from '@wa-sync/core';
import type { Trust } from '@wa-sync/fake-whatsapp';
import type { HttpOptions } from '@wa-sync/http';

/** What an example app is started with. */
export interface AppOptions {
  databaseUrl: string;
  /** @defaultValue 3,000; 0 lets the system choose */
  port?: number | undefined;
  /** @defaultValue `'127.0.0.1'` */
  host?: string | undefined;
  /** Tokens of the endpoints under `/whatsapp`. */
  tokens: readonly string[];
  /** Sessions that shall exist; the first one is the current one. */
  sessions?: readonly string[] | undefined;
  /** Another server than WhatsApp's own. */
  waWebSocketUrl?: string | undefined;
  /** Lets Baileys believe a fake WhatsApp that runs in another process. */
  trust?: Trust | undefined;
  /** A stable name of this process among its siblings. */
  replicaId?: string | undefined;
  /** Further options of `createWaSync`: `probe`, `lease`, `jobs`, `inactivity`, `timeZone`. */
  waSync?: Omit<WaSyncOptions, 'store' | 'provider' | 'logger' | 'replicaId' | 'currentSession'> | undefined;
  /** Further options of `baileysProvider`: `backoff`, `attemptTimeoutMs`, `socketConfig`, … */
  baileys?: (Omit<BaileysProviderOptions, 'auth' | 'logger' | 'socketConfig'> & { socketConfig?: object }) | undefined;
  /** Further options of the endpoints: `rateLimit`, `waitMs`. */
  http?: Omit<HttpOptions, 'auth' | 'basePath' | 'logger'> | undefined;
}
