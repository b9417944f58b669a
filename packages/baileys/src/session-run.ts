import type { Clock, Logger, RandomSource, WhatsAppConnection } from '@wa-sync/core';
import type { AuthSource } from './auth-source.js';
import type { DeafMemory } from './deaf-streak.js';
import type { BaileysModuleLike } from './load-baileys.js';
import type { LoginSlots } from './login-slots.js';
import type { ConversationOf } from './message-feed.js';
import type { BackoffSettings } from './next-step.js';

/** What all sessions of a provider share. */
export interface SessionDeps {
  readonly auth: AuthSource;
  readonly loadBaileys: () => Promise<BaileysModuleLike>;
  readonly socketConfig: (params: { sessionId: string }) => object;
  readonly conversationOf?: ConversationOf | undefined;
  readonly slots: LoginSlots;
  readonly deafMemory: DeafMemory;
  readonly backoff: BackoffSettings;
  readonly attemptTimeoutMs: number;
  readonly deafAfterMs: number;
  readonly authTimeoutMs: number;
  readonly loginJitterMs: number;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly logger: Logger;
}

/** One session under way. */
export interface SessionRun {
  readonly tenure: string;
  readonly connection: WhatsAppConnection;
  /** Whether nothing more happens by itself: a person has to act, or it is being stopped. */
  idle(): boolean;
  stop(reason: string): Promise<void>;
}
