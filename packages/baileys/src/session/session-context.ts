import type { Clock, Logger, RandomSource, WhatsAppConnection } from '@wa-sync/core';
import type { AuthSource } from '../client/baileys-auth.js';
import type { BaileysLoader } from '../client/load-baileys.js';
import type { ConversationOf } from '../client/option-types.js';
import type { MessageFeed } from '../messages/message-feed.js';
import type { StalledHandlers, StallMemory } from '../socket/stalled-handlers.js';
import type { LoginSlots } from './login-slots.js';
import type { BackoffSettings } from './next-step.js';
import type { SessionView } from './session-view.js';

/** What all sessions of a provider share. */
export interface SessionDeps {
  readonly auth: AuthSource;
  readonly loader: BaileysLoader;
  readonly socketConfig: (params: { sessionId: string }) => object;
  readonly conversationOf?: ConversationOf | undefined;
  readonly slots: LoginSlots;
  readonly stallMemory: StallMemory;
  readonly backoff: BackoffSettings;
  readonly attemptTimeoutMs: number;
  readonly handlersStalledAfterMs: number;
  readonly authTimeoutMs: number;
  readonly loginJitterMs: number;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly logger: Logger;
}

/** What the sockets of a session share. */
export interface SessionParts {
  readonly sessionId: string;
  readonly view: SessionView;
  readonly streak: StalledHandlers;
  readonly feed: MessageFeed | undefined;
  readonly stopping: AbortSignal;
  readonly deps: SessionDeps;
  /** Called once a socket. */
  onOpen(): void;
}

/** What the provider gives to a run. */
export interface RunSessionParams {
  readonly sessionId: string;
  readonly tenure: string;
  readonly fenced: AbortSignal;
  /** Asks the store whether the claim stands. */
  stillOurs(): Promise<boolean>;
  /** The number that the session's row has. */
  readonly phone: string | null;
  /** The end of the run before. */
  readonly after: Promise<void> | undefined;
  onStopped(): void;
}

/** One session under way. */
export interface SessionRun {
  readonly tenure: string;
  readonly connection: WhatsAppConnection;
  /** Whether nothing more happens by itself: a person has to act, or it is being stopped. */
  halted(): boolean;
  stop(reason: string): Promise<void>;
}
