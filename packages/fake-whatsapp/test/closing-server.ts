import { connect as connectTcp } from 'node:net';
import { initAuthCreds } from '@whiskeysockets/baileys';
import { createMemoryAuthState, startFakeWhatsApp } from '../src/index.js';
import { connect } from './client.js';

/** Runs in a process of its own: closes a server with links in all states; nothing may keep the process alive. */
const wa = await startFakeWhatsApp({ preKeys: 'plenty' });
const online = connect(wa, { creds: wa.createCredentials({ phone: '491' }) });
const silent = connect(wa, { creds: wa.createCredentials({ phone: '492' }) });
const pairing = connect(wa, { auth: createMemoryAuthState(initAuthCreds()) });
await Promise.all([online.open(), silent.open(), pairing.qr()]);
wa.session('491').delayReplies(60_000);
void online.ping().catch(() => {});
wa.session('492').goSilent();
wa.planNextConnection({ silentAfter: 'tcp' });
const mute = connectTcp(wa.port, '127.0.0.1');
mute.on('error', () => {});
await new Promise((resolve) => mute.once('connect', resolve));

await wa.close();
const closed = await Promise.all([online.closed(), silent.closed(), pairing.closed()]);
console.log(closed.map(({ statusCode }) => statusCode).join(' '));
