import type { AuthStateLike } from '../client/baileys-auth.js';

/** The credentials of one session, opened for one tenure. */
export interface SessionAuth<State extends AuthStateLike = AuthStateLike> {
  /** What Baileys takes as `auth`. `creds` is the same object for as long as the session is open. */
  readonly state: State;
  /** Stores `state.creds` as they are when it is called. */
  saveCreds(): Promise<void>;
  /** Quarantines the credentials after a logout. Without it they stay where they are. */
  quarantine?(reason: string): Promise<void>;
}

/** Opens the credentials of a session. `tenure` is the token that writes have to carry, `null` where nobody has claimed. */
export type AuthSource<State extends AuthStateLike = AuthStateLike> = (params: {
  sessionId: string;
  tenure: string | null;
}) => Promise<SessionAuth<State>>;
