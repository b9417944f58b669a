/** What adapters of stores share, and what asks replicas through one. Needs `node:crypto`; the main entry does not. */
export { checkedText } from '../domain/report.js';
export { logText } from '../domain/safe-text.js';
export { effectiveOf } from '../domain/session.js';
export { readOwnerAnswer } from '../engine/inbox/owner-answers.js';
export { awaitHostCall, createHostCalls, type HostOutcome, tooLate } from '../engine/limits/host-calls.js';
export { untilAborted, withTimeout } from '../engine/limits/limit-calls.js';
export { markUnderWay, whenEnded } from '../engine/limits/under-way.js';
export { createReport } from '../engine/sync/create-report.js';
export { catchLater, containCall } from '../logging/contain-call.js';
export { createFailureLog, type FailureLog, withoutNames } from '../logging/log-failures.js';
export { lateLogger } from '../logging/logger-option.js';
export { type OptionSchema, parseOptions } from '../options/parse-options.js';
export { CONNECTION_ERROR_CODES } from './connection-error-codes.js';
export { keepListening, type Listen, type ListenEnding, type ListenOnce } from './keep-listening.js';
export { type AuthWriteGroup, type AuthWriteVerdict, queueAuthWrites } from './queue-auth-writes.js';
export { type AuthKeyRing, authKeyRingSchema, openRecord, sealRecord } from './seal-record.js';
