import type { BaileysCreds } from '../client/baileys-auth.js';

/**
 * Takes back what asking for a pairing code leaves in credentials that nobody linked: with a `me` in them, Baileys would log in as a device that
 * does not exist, and WhatsApp would call it logged out. Credentials of a linked device name a device, or have an account, and are never touched.
 */
export function forgetUnfinishedPairing(creds: Partial<BaileysCreds> & { account?: unknown }): void {
  const { me, account, pairingCode } = creds;
  if (!me || account || pairingCode === undefined || me.id.includes(':')) return;
  delete creds.me;
  creds.pairingCode = undefined;
  creds.registered = false;
}
