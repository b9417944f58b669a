import type { WhatsAppConnection } from './connection.js';

/** Opens and heals connections for sessions that wa-sync runs itself. */
export interface ConnectionProvider {
  /**
   * Starts opening a session and answers its connection at once. The caller has claimed the session: `tenure` is the
   * token of that claim, and `fenced` aborts when the claim is lost, after which nothing may be opened or written. `trusted` says whether the claim is known to
   * stand: while the store cannot be reached, nobody can tell, and a login that was thrown out by another one has to wait. Absent: it stands.
   */
  open(params: {
    sessionId: string;
    tenure: string;
    fenced: AbortSignal;
    trusted?: (() => boolean) | undefined;
  }): WhatsAppConnection;
}
