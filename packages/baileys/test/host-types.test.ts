import { createMemoryStore } from '@wa-sync/core';
import * as rc14 from '@whiskeysockets/baileys';
import * as unscoped from 'baileys';
import * as rc13 from 'baileys-rc13';
import { expect, it } from 'vitest';
import {
  baileysProvider,
  createBaileysAuthState,
  type MessageOrigin,
  multiFileAuth,
  observeBaileysSocket,
} from '../src/index.js';

/**
 * Written as hosts write it, each with the types of its own Baileys. That it compiles is the test;
 * `npm run test:hosts` does the same with older clients.
 */
async function hostOfRc14(folder: string) {
  const store = createMemoryStore().auth!;
  const own = await rc14.useMultiFileAuthState(folder);
  const config: Partial<rc14.UserFacingSocketConfig> = { browser: rc14.Browsers.macOS('Desktop'), qrTimeout: 5_000 };
  const { state, saveCreds } = await createBaileysAuthState({ store, sessionId: 'a', baileys: rc14 });
  const files = await multiFileAuth({ folder, baileys: () => rc14 })({ sessionId: 'a', tenure: null });
  const socket = rc14.makeWASocket({ ...config, auth: state });
  socket.ev.on('creds.update', saveCreds);
  const auth: rc14.AuthenticationState = files.state;
  return [
    observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' }),
    baileysProvider({ auth: store, socketConfig: config, baileys: () => import('@whiskeysockets/baileys') }),
    baileysProvider({
      auth: async () => own,
      socketConfig: () => config,
      baileys: rc14,
      conversationOf: ({ message }: MessageOrigin<rc14.WAMessage>) => message.key.remoteJid,
    }),
    baileysProvider({ auth: async () => ({ state: auth, saveCreds }), baileys: { default: rc14 } }),
  ];
}

/** The same library under its other name, beside credentials that are loaded by what is installed. */
async function hostOfUnscoped(): Promise<unknown> {
  const store = createMemoryStore().auth!;
  const { state } = await createBaileysAuthState({ store, sessionId: 'a' });
  const socket = unscoped.makeWASocket({ auth: state });
  return [
    observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' }),
    baileysProvider({ auth: store, baileys: () => import('baileys') }),
  ];
}

async function hostOfRc13(folder: string) {
  const store = createMemoryStore().auth!;
  const own = await rc13.useMultiFileAuthState(folder);
  const config: Partial<rc13.UserFacingSocketConfig> = { browser: rc13.Browsers.macOS('Desktop') };
  const { state } = await createBaileysAuthState({ store, sessionId: 'a', baileys: async () => rc13 });
  const socket = rc13.makeWASocket({ ...config, auth: state });
  return [
    observeBaileysSocket({ sessionId: 'a', socket, onDead: 'report' }),
    baileysProvider({ auth: async () => own, socketConfig: config, baileys: () => import('baileys-rc13') }),
  ];
}

it('what hosts write compiles', () => {
  expect([hostOfRc14, hostOfUnscoped, hostOfRc13]).toHaveLength(3);
});
