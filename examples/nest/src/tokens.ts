/** The options as the host's factory answers them. */
export const WA_SYNC_OPTIONS = Symbol.for('@wa-sync/nest options');

/** The replica itself. */
export const WA_SYNC = Symbol.for('@wa-sync/nest replica');

/** The endpoints as one fetch handler. */
export const WA_SYNC_HTTP = Symbol.for('@wa-sync/nest http');

/** The controller's class, `null` without endpoints. */
export const WA_SYNC_CONTROLLER = Symbol.for('@wa-sync/nest controller');
