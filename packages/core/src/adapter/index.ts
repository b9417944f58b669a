/** What adapters of stores share, and what asks replicas through one. Needs `node:crypto`; the main entry does not. */
export { checkedText } from '../domain/checked-text.js';
export { readOwnerAnswer } from '../engine/inbox/owner-answers.js';
export { createReport } from '../engine/sync/create-report.js';
export { lateLogger } from '../logging/late-logger.js';
export { createFailureLog, type FailureLog } from '../logging/log-failures.js';
export { logText } from '../logging/log-text.js';
export { type OptionSchema, parseOptions } from '../parse-options.js';
export { type AuthKeyRing, authKeyRingSchema } from './auth-key-ring.js';
export { CONNECTION_ERROR_CODES } from './connection-error-codes.js';
export { keepListening, type Listen, type ListenEnding, type ListenOnce } from './keep-listening.js';
export { type AuthWriteGroup, type AuthWriteVerdict, queueAuthWrites } from './queue-auth-writes.js';
export { openRecord, sealRecord } from './seal-record.js';
