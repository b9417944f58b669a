import type { FakeWhatsApp } from '@wa-sync/fake-whatsapp';

/**
 * What stands around an app in place of the internet, so that the page's code runs as it is: loaded before it by
 * `node --import`, it leads the app's Baileys to the fake WhatsApp, and the port that the page names to one that is
 * free.
 */
export const leadToFake = ({ url, trust }: Pick<FakeWhatsApp, 'url' | 'trust'>, baileys: string): string => `
import { Server } from 'node:net';
import * as baileys from '${baileys}';

Object.assign(baileys.DEFAULT_CONNECTION_CONFIG, { waWebSocketUrl: '${url}' });
// A 6.x believes every server.
if (baileys.WA_CERT_DETAILS?.PUBLIC_KEY) {
  Object.assign(baileys.WA_CERT_DETAILS, { PUBLIC_KEY: Buffer.from('${trust.publicKey}', 'base64'), SERIAL: ${trust.serial} });
}

const { listen } = Server.prototype;
Server.prototype.listen = function (port, ...rest) {
  this.once('listening', () => console.log('LISTENS ON ' + this.address().port));
  return listen.call(this, port === 3000 ? 0 : port, ...rest);
};
`;
