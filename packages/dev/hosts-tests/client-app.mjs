// A host that runs one session with the Baileys it has, and writes what its row says. It is copied into an app of the
// test and run there.

import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { baileysProvider, createBaileysAuthState, observeBaileysSocket } from '@wa-sync/baileys';
import { createMemoryStore, createWaSync } from '@wa-sync/core';

const { CLIENT, GIVEN, MODE, SERVER, CREDS } = process.env;
const { url, trust } = JSON.parse(SERVER);
const say = (word, value) => console.log(`${word} ${JSON.stringify(value)}`);

const client = createRequire(import.meta.url)(CLIENT);
client.WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(trust.publicKey, 'base64');
client.WA_CERT_DETAILS.SERIAL = trust.serial;
const makeWASocket = client.makeWASocket ?? client.default;

const quiet = { level: 'silent', child: () => quiet, trace() {}, debug() {}, info() {}, warn() {}, error() {} };
const socketConfig = { waWebSocketUrl: url, logger: quiet };
const given = GIVEN ? { baileys: () => import(CLIENT) } : {};
const store = createMemoryStore();
const provider = baileysProvider({ auth: store.auth, socketConfig, ...given });
const wa = createWaSync({
  store,
  ...(MODE === 'provider' && { provider }),
  jobs: { sync: false, cleanup: false, inactivity: false },
  probe: { timeoutMs: 1_000, silenceMs: 5_000 },
  lease: { ttlMs: 60_000, tickMs: 500 },
});
wa.on('session:changed', ({ to, reason }) => say('row', [to, reason?.code ?? null]));
await wa.start();
// As the server of a host does: once the only session is logged out nothing else keeps this process alive, and a signal
// that meets a process on its way out ends it.
setInterval(() => {}, 60_000);
process.once('SIGTERM', async () => {
  await wa.stop();
  process.exit(0);
});
await wa.sessions.create({ id: 'a' });

if (MODE === 'attach') {
  const { state, saveCreds } = await createBaileysAuthState({ store: store.auth, sessionId: 'a', ...given });
  Object.assign(state.creds, JSON.parse(CREDS, client.BufferJSON.reviver));
  const connect = () => {
    const socket = makeWASocket({ ...socketConfig, auth: state });
    wa.attach(observeBaileysSocket({ sessionId: 'a', socket, onDead: 'end' }));
    socket.ev.on('creds.update', saveCreds);
    socket.ev.on('connection.update', async ({ connection, lastDisconnect }) => {
      if (connection !== 'close' || lastDisconnect?.error?.output?.statusCode === 401) return;
      await pause(100);
      connect();
    });
  };
  connect();
} else {
  await wa.sessions.start('a');
  for await (const step of wa.sessions.pair('a')) if ('qr' in step) say('qr', step.qr);
}
