export { EVENT_NAMES, type WaSyncEventName, type WaSyncEvents } from './api/events.js';
export type * from './api/wa-sync.js';
export { createWaSync } from './create-wa-sync.js';
export type { BusinessHours } from './decide/business-hours.js';
export { type ClosingPolicy, outgoingId } from './decide/closing.js';
export { nextBackoffMs } from './decide/link-faults.js';
export type * from './domain/conversation.js';
export { isWaSyncError, WaSyncError, type WaSyncErrorCode } from './domain/errors.js';
export type * from './domain/report.js';
export { maskNumbers, plainText } from './domain/safe-text.js';
export * from './domain/session.js';
export { errorLine, type LoggableError, loggableError, stackText } from './logging/loggable-error.js';
export { consoleLogger, fromWinston, silentLogger, type WinstonLike } from './logging/loggers.js';
export { createMemoryStore, type MemoryStore, type MemoryStoreOptions } from './memory/create-memory-store.js';
export type { WaSyncOptions } from './options/config.js';
export type { ConversationPolicy, InactivityOptions } from './options/inactivity-config.js';
export type * from './ports/auth-store.js';
export type * from './ports/cleanup-store.js';
export type * from './ports/clock.js';
export { systemClock, systemRandom } from './ports/clock.js';
export type * from './ports/connection.js';
export type * from './ports/conversation-store.js';
export type * from './ports/history-store.js';
export type * from './ports/host-sessions.js';
export {
  INBOX_REQUESTS,
  type InboxAnswer,
  type InboxRequest,
  type InboxRequestKind,
  type InboxStore,
} from './ports/inbox-store.js';
export {
  type BeginAnswer,
  type ClusterJobName,
  JOB_NAMES,
  type JobName,
  type JobRun,
  type JobStore,
} from './ports/job-store.js';
export type * from './ports/lease-store.js';
export type * from './ports/logger.js';
export type * from './ports/scheduler.js';
export type * from './ports/session-store.js';
export type * from './ports/store.js';
