import type { AuthStore } from './auth-store.js';
import type { CleanupStore } from './cleanup-store.js';
import type { ConversationStore } from './conversation-store.js';
import type { HistoryStore } from './history-store.js';
import type { HostSessions } from './host-sessions.js';
import type { InboxStore } from './inbox-store.js';
import type { JobStore } from './job-store.js';
import type { LeaseStore } from './lease-store.js';
import type { UsesLogger } from './logger.js';
import type { SessionStore } from './session-store.js';

/** What a store can and cannot do; tests skip by these words only. */
export interface StoreCapabilities {
  /** Survives a restart of the process. */
  readonly durable: boolean;
  /** Seen by other processes. */
  readonly shared: boolean;
  /** Keeps a host's own table equal. */
  readonly mirror: boolean;
}

/** A store: its parts, its abilities and its life. */
export interface WaSyncStore extends UsesLogger {
  readonly capabilities: StoreCapabilities;
  readonly sessions: SessionStore;
  readonly leases: LeaseStore;
  readonly auth?: AuthStore | undefined;
  readonly jobs?: JobStore | undefined;
  readonly cleanup?: CleanupStore | undefined;
  readonly conversations?: ConversationStore | undefined;
  readonly history?: HistoryStore | undefined;
  readonly inbox?: InboxStore | undefined;
  /** The host's own table of sessions, where one is mapped. */
  readonly hostSessions?: HostSessions | undefined;
  /** Makes the store ready (migrations under a lock). May be called again. */
  init(): Promise<void>;
  /** Ends what the store itself opened; never the caller's pool or client. */
  close(): Promise<void>;
}
