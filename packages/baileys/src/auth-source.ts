import type { AuthenticationState } from '@whiskeysockets/baileys';

/** The credentials of one session, opened for one tenure. */
export interface SessionAuth {
  /** What Baileys takes as `auth`. `creds` is the same object for as long as the session is open. */
  readonly state: AuthenticationState;
  /** Stores `state.creds` as they are when it is called. */
  saveCreds(): Promise<void>;
  /** Puts the credentials aside after a logout. Without it they stay where they are. */
  quarantine?(reason: string): Promise<void>;
}

/** Opens the credentials of a session. `tenure` is the token that writes have to carry, `null` where nobody has claimed. */
export type AuthSource = (params: { sessionId: string; tenure: string | null }) => Promise<SessionAuth>;
