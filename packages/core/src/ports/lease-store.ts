/** One row per incarnation of a replica. */
export interface Heartbeat {
  readonly incarnation: string;
  /** `unknown` where the row stands for an owner that had none. */
  readonly replicaId: string;
  /** Drawn anew with every renewal from one sequence of the store: a challenger compares it, never a clock. */
  readonly number: number;
  /** The number that the join drew: of two that join, the earlier one has the smaller. */
  readonly joined: number;
  /** Store time of the last renewal. */
  readonly beatAt: Date;
  readonly ttlMs: number;
  /** Set once another replica has ended this lease. */
  readonly fenced: boolean;
  /** The replica suspects its own network: nothing destructive may happen to its sessions. */
  readonly massOutage: boolean;
  /** The replica lives and cannot write what it knows: its rows are `expired` for readers, and nobody ends its lease. */
  readonly stuck: boolean;
}

/** What a renewal returns. */
export type BeatAnswer =
  | { readonly alive: false }
  | {
      readonly alive: true;
      readonly storeNow: Date;
      /** The number that this beat drew. */
      readonly number: number;
      /** The number that the join drew. */
      readonly joined: number;
      /**
       * Whether our own row stood at `last` or later before this beat; `true` where none was named. Where it did not the
       * store has gone back (a fail-over, a restore), and numbers that are drawn again prove nothing.
       */
      readonly lastKnown: boolean;
      /**
       * Heartbeats that have not been renewed since the beat numbered `after`, and all of our own `replicaId`; never our
       * own row. Those of living replicas are not among them, so the answer is as short with two hundred as with two.
       */
      readonly others: readonly Heartbeat[];
      /** Whether a fenced heartbeat stands there: what its owner held may not be free yet. */
      readonly fencedLeft: boolean;
      /**
       * Whether a conversation of our sessions has a `pending` message. Absent where the store keeps no conversations.
       */
      readonly outgoing?: boolean | undefined;
      /** Whether a request waits in our inbox. Absent where the store has none. */
      readonly inbox?: boolean | undefined;
    };

/** Who renews its lease, and what it says of itself. */
export interface Beat {
  readonly incarnation: string;
  readonly replicaId: string;
  readonly ttlMs: number;
  /** Lists the heartbeats with a smaller number; `null` lists none but those of our own `replicaId`. */
  readonly after: number | null;
  /** The number of our last answered beat. */
  readonly last: number | null;
  readonly massOutage: boolean;
  readonly stuck: boolean;
}

/** The leases of replicas. Only store time is used. */
export interface LeaseStore {
  /** Adds the heartbeat row of a new incarnation. Joining twice is one join. */
  join(params: { incarnation: string; replicaId: string; ttlMs: number }): Promise<BeatAnswer>;
  /**
   * Renews; `alive: false` when the row is fenced, or gone with all that it held. A row that is gone although its owner
   * still has sessions (deleted by hand, lost with a restore) is added again. One statement, whatever the number of
   * sessions and of replicas.
   */
  beat(params: Beat): Promise<BeatAnswer>;
  /** Ends another incarnation's lease if it still stands at `number`; returns whether it is fenced now. */
  fence(params: { incarnation: string; number: number }): Promise<boolean>;
  /**
   * Adds a `stuck` heartbeat for each owner of sessions that has none: who lives goes on with its next beat, and who
   * does not is fenced like any other. Returns how many were added.
   */
  addUnknown(params: { ttlMs: number }): Promise<number>;
  /**
   * Frees up to `limit` sessions whose owner is fenced: `DISCONNECTED`, evidence `expired`, reason `owner_lost`,
   * `lastSeenAt` the owner's last beat where it was `CONNECTED`; `LOGGED_OUT` keeps its status. Returns the ids; call
   * again until it returns none. A fenced row that owns nothing any more is deleted.
   */
  freeFenced(params: { limit: number }): Promise<string[]>;
  /**
   * Deletes the heartbeat row of an incarnation that has released its sessions. One that could not release all of them
   * is fenced instead, so that the others free them at once.
   */
  leave(params: { incarnation: string }): Promise<void>;
}
