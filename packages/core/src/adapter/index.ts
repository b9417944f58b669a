/** What adapters of stores share. Needs `node:crypto`; the main entry does not. */
export { parseOptions } from '../parse-options.js';
export { type AuthKeyRing, authKeyRingSchema } from './auth-key-ring.js';
export { CONNECTION_ERROR_CODES } from './connection-error-codes.js';
export { type AuthWriteGroup, type AuthWriteVerdict, queueAuthWrites } from './queue-auth-writes.js';
export { openRecord, sealRecord } from './seal-record.js';
