import type { Clock, RandomSource } from '@wa-sync/core';
import * as z from 'zod/mini';
import type { BaileysMessageLike, BaileysSocketLike } from './baileys-like.js';
import { type BaileysOption, isModule } from './baileys-module.js';

const LONGEST_MS = 2_147_483_647;

export function durationMs(lowest = 1) {
  const takes = `takes milliseconds, a whole number from ${lowest} to ${LONGEST_MS}`;
  return z.int(takes).check(z.gte(lowest, takes), z.lte(LONGEST_MS, takes));
}

/** How long opening a socket may take. Above the 20 s after which Baileys itself gives a connect up. */
export const attemptTimeoutOption = z._default(durationMs(), 30_000);

export const withMethods = <T>(what: string, methods: readonly string[]) =>
  z.custom<T>((value) => hasMethods(value, methods), `takes ${what}`);

export const clockOption = withMethods<Clock>('a clock', ['now', 'monotonicMs', 'schedule', 'yield']);
export const randomOption = withMethods<RandomSource>('a random source', ['next', 'token']);
export const baileysOption = z.custom<BaileysOption>(
  (value) => typeof value === 'function' || isModule(value),
  "takes a function that returns Baileys or a fork, baileys: () => import('baileys'), or the module itself",
);
export const conversationOfOption = z.custom<ConversationOf>(
  (value) => typeof value === 'function',
  'takes a function from a message to the id of its conversation, or null',
);
export const socketOption = z.custom<BaileysSocketLike>(
  (value) =>
    hasMethods(value, ['query', 'end']) &&
    hasMethods((value as { ev?: unknown }).ev, ['on', 'off']) &&
    hasMethods((value as { ws?: unknown }).ws, ['on', 'off', 'listeners']),
  'takes a Baileys socket, as makeWASocket() returns it',
);

export function hasMethods(value: unknown, methods: readonly string[]): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}

/** What is known of a message when the host is asked for its conversation. */
export interface MessageOrigin<Message extends BaileysMessageLike = BaileysMessageLike> {
  readonly sessionId: string;
  /**
   * The message as Baileys gave it: a function of `MessageOrigin<WAMessage>` gets it in the type of the host's
   * Baileys.
   */
  readonly message: Message;
  /** Address at WhatsApp as the message has it, and where an answer goes. */
  readonly chat: string;
  readonly isGroup: boolean;
  /** `<digits>@s.whatsapp.net` of the contact; `null` for a group and where only the LID is known. */
  readonly phoneJid: string | null;
  /** `<digits>@lid` of the contact; `null` for a group and where only the phone number is known. */
  readonly lidJid: string | null;
  /** `agent`: written with this number, by the app or on the phone. */
  readonly from: 'contact' | 'agent';
  /** When it was written, which may be long ago. */
  readonly at: Date;
  /** Written while the number was offline, and delivered now. */
  readonly isReplay: boolean;
}

/** Names the host's conversation of a message; `null` where it has none. */
export type ConversationOf = {
  // A method, because its parameter may be narrower: only the host knows the type that its Baileys has for a message.
  of(origin: MessageOrigin): string | null | undefined | Promise<string | null | undefined>;
}['of'];
