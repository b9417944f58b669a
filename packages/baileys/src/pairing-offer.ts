/**
 * What one socket offers to the person who links it.
 *
 * Owns: how long the QR code and the pairing code of this socket are good for. Baileys shows the first code for 60 s and each later one for 20 s, ends the
 * socket after the last, and a pairing code dies with its socket.
 */
import type { Clock } from '@wa-sync/core';
import type { BaileysSocketLike } from './baileys-like.js';

const FIRST_MS = 60_000;
const LATER_MS = 20_000;
/** How many codes WhatsApp gives a socket, where the stanza that says so went by unseen. */
const USUAL_CODES = 6;

export interface PairingCode {
  readonly code: string;
  readonly expiresAt: Date;
}

export function createPairingOffer(params: {
  socket: BaileysSocketLike;
  clock: Clock;
  qrTimeoutMs: number | undefined;
}) {
  const { socket, clock } = params;
  const firstMs = params.qrTimeoutMs || FIRST_MS;
  const laterMs = params.qrTimeoutMs || LATER_MS;
  let codesLeft = USUAL_CODES;
  let begun = false;
  let qrExpiresAt: Date | null = null;
  let endsAt: Date | null = null;
  let asked: Promise<PairingCode> | null = null;
  let askedFor: string | null = null;

  const inMs = (ms: number) => new Date(clock.now().getTime() + ms);

  async function request(phone: string): Promise<PairingCode> {
    if (!socket.requestPairingCode) throw new Error('This socket cannot ask for pairing codes');
    const code = await socket.requestPairingCode(phone);
    return { code, expiresAt: endsAt ?? inMs(firstMs) };
  }

  return {
    qrExpiresAt: () => qrExpiresAt,
    onFrame(frame: unknown): void {
      const refs = refsIn(frame);
      if (refs > 0) codesLeft = refs;
    },
    onQr(): void {
      const ms = begun ? laterMs : firstMs;
      begun = true;
      qrExpiresAt = inMs(ms);
      codesLeft = Math.max(0, codesLeft - 1);
      endsAt = inMs(ms + codesLeft * laterMs);
    },
    /** One code a socket and number: asking WhatsApp twice would make the first one worthless. */
    requestCode(phone: string): Promise<PairingCode> {
      if (asked === null || askedFor !== phone) {
        askedFor = phone;
        asked = request(phone);
        asked.catch(() => {
          asked = null;
        });
      }
      return asked;
    },
  };
}

/** `<iq><pair-device><ref/>…`: one reference a QR code. */
function refsIn(frame: unknown): number {
  const { tag, content } = (frame ?? {}) as { tag?: unknown; content?: unknown };
  if (tag !== 'iq' || !Array.isArray(content)) return 0;
  const [child] = content as { tag?: unknown; content?: unknown }[];
  if (child?.tag !== 'pair-device' || !Array.isArray(child.content)) return 0;
  return (child.content as { tag?: unknown }[]).filter(({ tag: name }) => name === 'ref').length;
}
