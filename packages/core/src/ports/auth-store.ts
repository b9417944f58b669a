/** One credential record. `value: null` deletes. */
export interface AuthEntry {
  /** `creds`, or the kind of a signal key (`pre-key`, `session`, …). */
  readonly type: string;
  readonly id: string;
  readonly value: Uint8Array | null;
}

/**
 * Credentials of sessions. Values are opaque bytes; the connection adapter knows their form.
 *
 * @experimental This port may change in a minor version; sessions, leases and connections are stable.
 */
export interface AuthStore {
  /** Reads records; ids without one are left out, and all of a session that is marked for deletion. */
  read(params: { sessionId: string; type: string; ids: readonly string[] }): Promise<Map<string, Uint8Array>>;
  /**
   * Writes all entries or none. Refused with `tenure_lost` when `tenure` is given and the session has another one, and
   * with `session_not_found` when there is no session row, or one that is marked for deletion.
   */
  write(params: { sessionId: string; tenure: string | null; entries: readonly AuthEntry[] }): Promise<void>;
  /** Puts all records of a session aside: reads no longer find them, and a person can restore them. */
  quarantine(params: { sessionId: string; reason: string }): Promise<void>;
  /** Deletes all records of a session, quarantined ones included; returns how many. */
  purge(params: { sessionId: string }): Promise<number>;
}
