// Loaded in front of an app by `node --import`: its Baileys connects to the fake WhatsApp of FAKE_WHATSAPP and
// believes it. Every start of an app waits for this, so it does by itself what `trustFakeWhatsApp` does, and leaves
// the server unloaded.
import { DEFAULT_CONNECTION_CONFIG, WA_CERT_DETAILS } from '@whiskeysockets/baileys';
import type { FakeAddress } from './example-app.js';

const { url, trust }: FakeAddress = JSON.parse(process.env.FAKE_WHATSAPP ?? '');
DEFAULT_CONNECTION_CONFIG.waWebSocketUrl = url;
Object.assign(WA_CERT_DETAILS, { PUBLIC_KEY: Buffer.from(trust.publicKey, 'base64'), SERIAL: trust.serial });
