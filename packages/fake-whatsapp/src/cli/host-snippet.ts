import type { FakeWhatsApp } from '../fake-whatsapp.js';

/** What a host pastes so that its Baileys connects to this server and is linked by itself. */
export function hostSnippet({ url, port, trust }: Pick<FakeWhatsApp, 'url' | 'port' | 'trust'>): string {
  const secure = url.startsWith('wss:');
  const agent = secure ? ', agent: new Agent({ rejectUnauthorized: false })' : '';
  return [
    "import { trustFakeWhatsApp } from '@wa-sync/fake-whatsapp';",
    ...(secure ? ["import { Agent } from 'node:https';"] : []),
    `await trustFakeWhatsApp(${JSON.stringify(trust)});`,
    `const sock = makeWASocket({ auth, waWebSocketUrl: '${url}'${agent} });`,
    secure
      ? "sock.ev.on('connection.update', ({ qr }) => qr && console.log(qr)); // paste it into the terminal of the server"
      : `sock.ev.on('connection.update', ({ qr }) => qr && fetch('http://127.0.0.1:${port}/scan', { method: 'POST', body: qr }));`,
  ].join('\n');
}
