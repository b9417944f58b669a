import { BufferJSON, makeWASocket } from '@whiskeysockets/baileys';
import { createMemoryAuthState, trustFakeWhatsApp } from '../src/index.js';
import { createLogCollector } from './client.js';

/** Runs in a process of its own: believes the server of its parent, logs in, prints `open`, leaves. */
const { trust, url, creds } = JSON.parse(process.env.FAKE_WHATSAPP!, BufferJSON.reviver);
const distrust = await trustFakeWhatsApp(trust);
const sock = makeWASocket({
  waWebSocketUrl: url,
  auth: createMemoryAuthState(creds),
  logger: createLogCollector().logger,
});
sock.ev.on('connection.update', async ({ connection, lastDisconnect }) => {
  if (lastDisconnect?.error) console.log('close', lastDisconnect.error.message);
  if (connection !== 'open') return;
  console.log('open');
  await sock.end(undefined);
  distrust();
  process.exit(0);
});
