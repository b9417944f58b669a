import { WA_CERT_DETAILS } from '@whiskeysockets/baileys';
import type { Trust } from './certificate-chain.js';

/** The part of a copy of Baileys that decides which server it believes. */
export type BaileysCopy = { WA_CERT_DETAILS: { SERIAL: number; PUBLIC_KEY: Uint8Array } };

type CertDetails = BaileysCopy['WA_CERT_DETAILS'];
type Installed = { original: { serial: number; publicKey: Uint8Array }; trust: Trust; holders: number };

// Shared by all copies of this package in a process, so that the last one to leave puts WhatsApp's key back.
const INSTALLED = Symbol.for('@wa-sync/fake-whatsapp/installed-trust');
type InstalledHolder = { [INSTALLED]?: WeakMap<object, Installed> };

/**
 * Makes Baileys in this process accept a fake server that runs in another one.
 *
 * @param trust What the other process reads from `wa.trust`; plain JSON.
 * @param baileys The copy of Baileys to convince. Default: the one that this package resolves.
 * @returns A function that puts WhatsApp's own key back once all who asked have called theirs.
 * @throws Error where this process already believes in a different root.
 * @example
 * const distrust = trustFakeWhatsApp(JSON.parse(process.env.FAKE_WHATSAPP_TRUST));
 */
export function trustFakeWhatsApp(trust: Trust, baileys: BaileysCopy = { WA_CERT_DETAILS }): () => void {
  const details: CertDetails = baileys.WA_CERT_DETAILS;
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
    original: { serial: details.SERIAL, publicKey: details.PUBLIC_KEY },
    trust,
    holders: 0,
  };
  all.set(details, installed);
  installed.holders += 1;
  details.PUBLIC_KEY = Buffer.from(trust.publicKey, 'base64');
  details.SERIAL = trust.serial;

  let released = false;
  return () => {
    if (released) return;
    released = true;
    installed.holders -= 1;
    if (installed.holders > 0) return;
    all.delete(details);
    details.PUBLIC_KEY = installed.original.publicKey;
    details.SERIAL = installed.original.serial;
  };
}
