/**
 * What one socket offers to the person who links it.
 *
 * Owns: how long the QR code and the pairing code of this socket are good for. Baileys shows the first code for 60 s
 * and each later one for 20 s, ends the socket after the last, and a pairing code dies with its socket.
 */
import type { Clock } from '@wa-sync/core';
import type { BaileysSocketLike } from '../client/baileys-like.js';

const FIRST_MS = 60_000;
const LATER_MS = 20_000;
/** How many codes WhatsApp gives a socket, where the stanza that says so went by unseen. */
const USUAL_CODES = 6;

export interface PairingCode {
  readonly code: string;
  readonly expiresAt: Date;
}

export class PairingOffer {
  private readonly firstMs: number;
  private readonly laterMs: number;
  private codesLeft = USUAL_CODES;
  private expiresAt: Date | null = null;
  private endsAt: Date | null = null;
  private asked: Promise<PairingCode> | null = null;
  private askedFor: string | null = null;

  constructor(
    private readonly socket: BaileysSocketLike,
    private readonly clock: Clock,
    qrTimeoutMs: number | undefined,
  ) {
    this.firstMs = qrTimeoutMs || FIRST_MS;
    this.laterMs = qrTimeoutMs || LATER_MS;
  }

  qrExpiresAt(): Date | null {
    return this.expiresAt;
  }

  /** How many codes WhatsApp gives this socket. */
  expectCodes(codes: number): void {
    this.codesLeft = codes;
  }

  onQr(): void {
    const ms = this.expiresAt === null ? this.firstMs : this.laterMs;
    this.expiresAt = this.inMs(ms);
    this.codesLeft = Math.max(0, this.codesLeft - 1);
    this.endsAt = this.inMs(ms + this.codesLeft * this.laterMs);
  }

  /** One code a socket and number: asking WhatsApp twice would make the first one worthless. */
  requestCode(phone: string): Promise<PairingCode> {
    if (this.asked === null || this.askedFor !== phone) {
      this.askedFor = phone;
      this.asked = this.request(phone);
      this.asked.catch(() => {
        this.asked = null;
      });
    }
    return this.asked;
  }

  private async request(phone: string): Promise<PairingCode> {
    if (!this.socket.requestPairingCode) throw new Error('This socket cannot ask for pairing codes');
    const code = await this.socket.requestPairingCode(phone);
    return { code, expiresAt: this.endsAt ?? this.inMs(this.firstMs) };
  }

  private inMs(ms: number): Date {
    return new Date(this.clock.now().getTime() + ms);
  }
}

/** How many QR codes a stanza announces: `<iq><pair-device><ref/>…`, one reference each. */
export function codesIn(frame: unknown): number {
  const { tag, content } = (frame ?? {}) as { tag?: unknown; content?: unknown };
  if (tag !== 'iq' || !Array.isArray(content)) return 0;
  const [child] = content as { tag?: unknown; content?: unknown }[];
  if (child?.tag !== 'pair-device' || !Array.isArray(child.content)) return 0;
  return (child.content as { tag?: unknown }[]).filter(({ tag: name }) => name === 'ref').length;
}
