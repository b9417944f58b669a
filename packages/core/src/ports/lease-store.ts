/** One row per incarnation of a replica. */
export interface Heartbeat {
  readonly incarnation: string;
  readonly replicaId: string;
  /** Grows by one with every renewal: a challenger compares it, never a clock. */
  readonly beats: number;
  /** Store time of the last renewal. */
  readonly beatAt: Date;
  readonly ttlMs: number;
  /** Set once another replica has ended this lease. */
  readonly fenced: boolean;
  /** The replica suspects its own network: nothing destructive may happen to its sessions. */
  readonly massOutage: boolean;
}

/** What a renewal returns. */
export type BeatAnswer =
  | { readonly alive: false }
  | {
      readonly alive: true;
      readonly storeNow: Date;
      /** Every heartbeat but our own. */
      readonly others: readonly Heartbeat[];
      /** Whether a session stands ready to be claimed: nobody owns it, it should run, it is active. */
      readonly claimable: boolean;
      /**
       * Whether a conversation of our sessions has a `pending` message. Absent where the store keeps no conversations.
       */
      readonly outgoing?: boolean | undefined;
      /** Whether a request waits in our inbox. Absent where the store has none. */
      readonly inbox?: boolean | undefined;
    };

/** The leases of replicas. Only store time is used. */
export interface LeaseStore {
  /** Adds the heartbeat row of a new incarnation. Joining twice is one join. */
  join(params: { incarnation: string; replicaId: string; ttlMs: number }): Promise<BeatAnswer>;
  /** Renews; `alive: false` when the row is fenced or gone. One statement, whatever the number of sessions. */
  beat(params: { incarnation: string; massOutage: boolean }): Promise<BeatAnswer>;
  /** Ends another incarnation's lease if it still stands at `beats`; returns whether it is fenced now. */
  fence(params: { incarnation: string; beats: number }): Promise<boolean>;
  /**
   * Frees up to `limit` sessions whose owner is fenced or has no heartbeat row: `DISCONNECTED`, evidence `expired`,
   * reason `owner_lost`, `lastSeenAt` the owner's last beat where it was `CONNECTED`; `LOGGED_OUT` keeps its status.
   * Returns the ids; call again until it returns none. A fenced row that owns nothing any more is deleted.
   */
  freeFenced(params: { limit: number }): Promise<string[]>;
  /** Deletes the heartbeat row of an incarnation that has released its sessions. */
  leave(params: { incarnation: string }): Promise<void>;
}
