import type { CertDetails } from '../baileys/baileys-members.js';
import { type BaileysOption, loadBaileys } from '../baileys/load-baileys.js';
import type { Trust } from '../link/certificate-chain.js';

type Installed = { original: CertDetails; trust: Trust; holders: number };

// Shared by all copies of this package in a process, so that the last one to leave puts WhatsApp's key back.
const INSTALLED = Symbol.for('@wa-sync/fake-whatsapp/installed-trust');
type InstalledHolder = { [INSTALLED]?: WeakMap<object, Installed> };

/**
 * Makes Baileys in this process accept a fake server that runs in another one.
 *
 * @param trust What the other process reads from `wa.trust`; plain JSON.
 * @param baileys The Baileys to convince, as in `startFakeWhatsApp`.
 * @returns A function that puts WhatsApp's own key back once all who asked have called theirs.
 * @throws Error where this process already believes in a different root, or no Baileys is found.
 * @example
 * const distrust = await trustFakeWhatsApp(JSON.parse(process.env.FAKE_WHATSAPP_TRUST));
 */
export async function trustFakeWhatsApp(trust: Trust, baileys?: BaileysOption): Promise<() => void> {
  return installTrust(trust, (await loadBaileys(baileys)).WA_CERT_DETAILS);
}

/** Before 7.0.0-rc10 Baileys checks the serial alone: there is no key to put in, and none to put back. */
export function installTrust(trust: Trust, details: CertDetails): () => void {
  const holder = globalThis as InstalledHolder;
  holder[INSTALLED] ??= new WeakMap();
  const all = holder[INSTALLED];

  const present = all.get(details);
  if (present && present.trust.publicKey !== trust.publicKey) {
    throw new Error(
      'Baileys in this process already trusts another fake WhatsApp: give both servers the same `rootKey`',
    );
  }
  const installed = present ?? {
    original: { ...details },
    trust,
    holders: 0,
  };
  all.set(details, installed);
  installed.holders += 1;
  details.SERIAL = trust.serial;
  if (details.PUBLIC_KEY) details.PUBLIC_KEY = Buffer.from(trust.publicKey, 'base64');

  let released = false;
  return () => {
    if (released) return;
    released = true;
    installed.holders -= 1;
    if (installed.holders > 0) return;
    all.delete(details);
    Object.assign(details, installed.original);
  };
}
