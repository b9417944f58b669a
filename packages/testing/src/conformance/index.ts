export { describeAuthStore } from './describe-auth-store.js';
export { type ConnectionHarness, type ConnectionSuite, describeConnection } from './describe-connection.js';
export { describeLeaseStore } from './describe-lease-store.js';
export { describeSessionStore } from './describe-session-store.js';
export type { StoreHarness, StoreSuite } from './store-suite.js';
export { STRANGE_IDS } from './strange-ids.js';
