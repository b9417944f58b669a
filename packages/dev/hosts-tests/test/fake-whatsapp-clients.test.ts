import { describe, expect, it, onTestFinished } from 'vitest';
import { createHostApp } from '../create-host-app.js';
import { matrix } from '../matrix.js';

/** 6.x takes these from a git host; the second is there for its own developers. */
const FROM_REGISTRY = { libsignal: '6.0.0', '@whiskeysockets/eslint-config': 'npm:empty-npm-package@1.0.0' };
const SCOPED = '@whiskeysockets/baileys';

const CLIENTS = matrix<{ client: string; dependencies: Record<string, string> }>(
  [
    { client: SCOPED, dependencies: { [SCOPED]: '6.7.24' } },
    { client: SCOPED, dependencies: { [SCOPED]: '6.17.16' } },
  ],
  [
    ...['7.0.0-rc.9', '7.0.0-rc13', '7.0.0-rc14'].map((version) => ({
      client: SCOPED,
      dependencies: { [SCOPED]: version },
    })),
    { client: 'baileys', dependencies: { baileys: '7.0.0-rc14' } },
    // It cannot encrypt for simulated phones: the server finds the other one.
    { client: 'whaileys', dependencies: { whaileys: '6.4.9', baileys: '7.0.0-rc14' } },
  ],
);

describe.each(CLIENTS)('the fake WhatsApp with $client and $dependencies', ({ client, dependencies }) => {
  it('logs in, pairs by QR code and by pairing code, passes messages both ways, and logs out', async () => {
    const app = await createHostApp({
      name: 'fake-client',
      type: 'module',
      packages: ['@wa-sync/fake-whatsapp'],
      dependencies,
      overrides: FROM_REGISTRY,
      files: { 'client.js': CLIENT },
    });
    onTestFinished(() => app.remove());
    const { output } = await app.run('node', ['client.js', client], { timeoutMs: 180_000 });
    expect(output.trim().split('\n')).toEqual([
      'logged in',
      'message in',
      'message out',
      'logged out by the phone: 401',
      ...Array.from({ length: 10 }, (_, index) => `QR ${index + 1}`),
      'pairing code',
      'logged out by the device',
    ]);
  });
});

/** Every step waits for an event; one that does not come ends the program with its name. */
const CLIENT = `
import { createMemoryAuthState, startFakeWhatsApp } from '@wa-sync/fake-whatsapp';

const library = await import(process.argv[2]);
const member = (name) => library[name] ?? library.default?.[name] ?? library.default?.default?.[name];
const makeWASocket = member('makeWASocket') ?? member('default') ?? library.default;
// libsignal prints whole sessions there, keys included.
for (const level of ['info', 'warn']) console[level] = () => {};
const logger = { level: 'silent', child: () => logger, trace() {}, debug() {}, info() {}, warn() {}, error() {} };
const wa = await startFakeWhatsApp();
const ada = wa.contact('491700000001', 'Ada');

function connect(auth) {
  const sock = makeWASocket({ ...wa.socketConfig(), auth, logger });
  const updates = [];
  const messages = [];
  const watchers = new Set();
  const changed = () => watchers.forEach((look) => look());
  sock.ev.on('creds.update', (update) => changed(Object.assign(auth.creds, update)));
  sock.ev.on('connection.update', (update) => changed(updates.push(update)));
  sock.ev.on('messages.upsert', (upsert) => changed(messages.push(...upsert.messages)));
  const until = (what, find) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('There was no ' + what)), 30_000);
      const look = () => {
        const found = find();
        if (!found) return;
        clearTimeout(timer);
        watchers.delete(look);
        resolve(found);
      };
      watchers.add(look);
      look();
    });
  return {
    sock,
    open: () => until('open', () => updates.find(({ connection }) => connection === 'open')),
    qr: async () => (await until('QR code', () => updates.find(({ qr }) => qr))).qr,
    closed: async () =>
      (await until('close', () => updates.find(({ connection }) => connection === 'close'))).lastDisconnect?.error
        ?.output?.statusCode,
    message: (id) => until('message', () => messages.find(({ key, message }) => key.id === id && message?.conversation)),
    key: () => until('app state key', () => auth.creds.myAppStateKeyId),
  };
}
const unlinked = () => createMemoryAuthState(member('initAuthCreds')());

const old = connect(createMemoryAuthState(wa.createCredentials({ phone: '491' })));
await old.open();
console.log('logged in');
await old.message((await ada.sendText('491', 'hello')).id);
console.log('message in');
await old.sock.sendMessage(ada.jid, { text: 'hello Ada' });
await ada.waitForMessage(({ text }) => text === 'hello Ada');
console.log('message out');
wa.session('491').logOut();
console.log('logged out by the phone: ' + (await old.closed()));

for (let round = 1; round <= 10; round += 1) {
  const auth = unlinked();
  const first = connect(auth);
  await wa.pair(await first.qr(), { phone: '49' + (1000 + round) });
  await first.closed();
  const next = connect(auth);
  await next.open();
  await next.message((await ada.sendText('49' + (1000 + round), 'hello')).id);
  await next.key();
  await next.sock.end(undefined);
  console.log('QR ' + round);
}

const auth = unlinked();
const first = connect(auth);
await first.qr();
await wa.enterPairingCode(await first.sock.requestPairingCode('492'), { phone: '492' });
await first.closed();
const coded = connect(auth);
await coded.open();
console.log('pairing code');
await coded.sock.logout().catch(() => {});
await wa.waitFor(({ phone, linked }) => phone === '492' && !linked);
console.log('logged out by the device');
await wa.close();
process.exit(0);
`;
