/**
 * Loaded before a page's code: Baileys of this process connects to the server of the test, as it would to WhatsApp,
 * and believes it.
 */
import { type Trust, trustFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { DEFAULT_CONNECTION_CONFIG } from '@whiskeysockets/baileys/lib/Defaults/index.js';

trustFakeWhatsApp(JSON.parse(process.env.FAKE_WHATSAPP_TRUST ?? '') as Trust);
Object.assign(DEFAULT_CONNECTION_CONFIG as object, { waWebSocketUrl: process.env.WA_WEB_SOCKET_URL });
