import type { AuthenticationCreds, AuthenticationState } from '@whiskeysockets/baileys';
import type { BaileysSocketLike } from './baileys-like.js';

/** What wa-sync calls in the Baileys package, so that a fork's module fits: `baileys: await import('a-fork')`. */
export interface BaileysModuleLike {
  makeWASocket(config: object): BaileysSocketLike;
  initAuthCreds(): AuthenticationCreds;
  readonly BufferJSON: {
    replacer(key: string, value: unknown): unknown;
    reviver(key: string, value: unknown): unknown;
  };
  readonly proto: { readonly Message: { readonly AppStateSyncKeyData: { fromObject(value: object): unknown } } };
  useMultiFileAuthState(folder: string): Promise<{ state: AuthenticationState; saveCreds(): Promise<void> }>;
}

/** Loads Baileys when it is first needed: a host that only attaches sockets of a fork need not have it. */
export async function loadBaileys(): Promise<BaileysModuleLike> {
  return import('@whiskeysockets/baileys');
}
