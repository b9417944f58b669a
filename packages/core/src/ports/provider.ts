import type { WhatsAppConnection } from './connection.js';
import type { UsesLogger } from './logger.js';

/** Opens and heals connections for sessions that wa-sync runs itself. */
export interface ConnectionProvider extends UsesLogger {
  /**
   * Starts opening a session and answers its connection at once. The caller has claimed the session: `tenure` is the
   * token of that claim, and `fenced` aborts when the claim is lost, after which nothing may be opened or written. `stillOurs` asks the store whether the
   * claim stands; false also where it cannot tell, or the lease has run out. A login that was thrown out by another one is not to be repeated before it says yes. `phone` is the number that
   * the row has, so that credentials of another one are not taken for this session's; a session that is linked anew may get another.
   */
  open(params: {
    sessionId: string;
    tenure: string;
    phone?: string | null | undefined;
    fenced: AbortSignal;
    stillOurs?: (() => Promise<boolean>) | undefined;
  }): WhatsAppConnection;
}
