/**
 * What happened in a world, in order. Checkers read nothing else, so a history of real processes that says the same
 * can be judged by the same code. Instants are milliseconds of one clock of the observer; a row is what a raw read of
 * the store gave.
 */
import type {
  ConversationRecord,
  KnownObservation,
  SessionStatus,
  StoredSession,
  Transition,
  WaSyncStore,
} from '@wa-sync/core';

type Ports = Required<WaSyncStore>;

/** A method of a port, by its name: a checker that asks for one that is called otherwise does not compile. */
export type StoreMethod = { [Part in keyof Ports]: string & keyof Ports[Part] }[keyof Ports];

/** A row before and after a commit. `null`: there was none. */
export interface RowChange {
  readonly before: StoredSession | null;
  readonly after: StoredSession | null;
}

/** What a process's connection said at the moment a status write left the process. */
export interface SeenAtWrite {
  readonly session: string;
  readonly writeId: string;
  readonly status: SessionStatus | null;
  /** What the connection says of itself; `null` where it does not know. */
  readonly said: KnownObservation | null;
  readonly connection: string | null;
  /** Probes of this link that ran into their timeout since the last frame, while the process ran all the time. */
  readonly deadProbes: number;
  /** Whether a forced sync, which decides at the first failure, was under way within the last probe. */
  readonly forced: boolean;
}

/** Settings of a world that the checkers need. */
export interface WorldSettings {
  readonly seed: number;
  readonly ttlMs: number;
  readonly tickMs: number;
  readonly probeTimeoutMs: number;
  readonly silenceMs: number;
  readonly failures: number;
  readonly storeLimitMs: number;
  readonly timeZone: string;
  /** Cron of a check of conversations at a fixed hour, `minute hour * * *`; absent, it runs every minute. */
  readonly daily: string | null;
  readonly inactiveAfterMs: number;
  /** Instant of the store's clock at time 0. */
  readonly storeStartMs: number;
  readonly afterDays: number;
  readonly purgeAfterDays: number;
  readonly calmFromMs: number;
  readonly endMs: number;
  readonly rollbacks: boolean;
  /**
   * How long after an impairment a process may not be judged yet; absent, the longest that a call can be late in the
   * simulator.
   */
  readonly aftermathMs?: number;
}

export type ProcessState =
  | 'starting'
  | 'running'
  | 'start_failed'
  | 'paused'
  | 'resumed'
  | 'crashed'
  | 'stopping'
  | 'stopped';

/** What a host asks of one session. */
export type Question = 'status' | 'sync' | 'force' | 'logout';

interface At {
  readonly t: number;
  /** A process, `whatsapp`, `store`, `foreign` or `world`. */
  readonly actor: string;
}

export type HistoryEntry = At &
  (
    | { readonly what: 'settings'; readonly settings: WorldSettings }
    | { readonly what: 'process'; readonly state: ProcessState; readonly replicaId: string; readonly detail?: string }
    /** Something keeps this process from the store, or from running as it should, from here on or no longer. */
    | { readonly what: 'impaired'; readonly by: string; readonly on: boolean }
    | {
        readonly what: 'fault';
        readonly kind: string;
        readonly target: string;
        readonly met: string;
        readonly detail?: string;
      }
    | { readonly what: 'calm' }
    | { readonly what: 'clock-step'; readonly byMs: number }
    /** How fast the clock of a process runs against the observer's, from its start on; without this entry, as fast. */
    | { readonly what: 'clock-rate'; readonly rate: number }
    | {
        readonly what: 'link';
        readonly event: 'open' | 'silent' | 'ended';
        readonly session: string;
        readonly link: string;
        readonly why?: string;
        readonly mode?: string;
        readonly tenure?: string | null;
      }
    | { readonly what: 'client'; readonly session: string; readonly connection: string; readonly status: string }
    | { readonly what: 'connection-closed'; readonly session: string; readonly tenure: string | null }
    /** The engine called a link dead. */
    | { readonly what: 'heal'; readonly session: string; readonly deadProbes: number; readonly forced: boolean }
    | { readonly what: 'provider-open'; readonly session: string; readonly tenure: string; readonly fenced: boolean }
    | {
        readonly what: 'call';
        readonly call: number;
        readonly method: StoreMethod;
        readonly params: unknown;
        readonly seen?: readonly SeenAtWrite[];
      }
    | {
        readonly what: 'commit';
        readonly call: number;
        readonly method: StoreMethod;
        readonly params: unknown;
        readonly result: unknown;
        readonly changes: readonly RowChange[];
        readonly conversationsBefore?: readonly ConversationRecord[];
        /** Of sessions that a purge took: credential records that are still there. */
        readonly credentialsLeft?: number;
        /** What a second delivery of the same call changed; absent where it came once. */
        readonly changedBySecond?: readonly string[];
      }
    | { readonly what: 'answer'; readonly call: number; readonly method: StoreMethod; readonly ok: boolean }
    | { readonly what: 'rollback'; readonly calls: readonly number[]; readonly changes: readonly RowChange[] }
    /** A change that no process made: rows that were there from the start, or another program's. */
    | { readonly what: 'foreign'; readonly did: 'seed' | 'write' | 'delete'; readonly changes: readonly RowChange[] }
    | {
        readonly what: 'message-sent';
        readonly session: string;
        readonly chat: string;
        readonly messageId: string;
        readonly delivery: string;
      }
    | { readonly what: 'event'; readonly name: string; readonly payload: unknown }
    | {
        readonly what: 'sync';
        readonly id: number;
        readonly forced: boolean;
        readonly held: readonly string[];
        readonly judged: readonly string[] | null;
        readonly checked: number;
        readonly ok: boolean;
        readonly sinceMs: number;
      }
    /** A replica is asked about one session. */
    | { readonly what: 'asks'; readonly kind: Question; readonly session: string }
    /**
     * A replica was asked about one session, whoever has it; `said` is what it answered, `null` where it could not.
     */
    | {
        readonly what: 'asked';
        readonly kind: Question;
        readonly session: string;
        readonly sinceMs: number;
        readonly said: string | null;
        readonly of: string | null;
      }
    /** The engine had a connection unlink its device. */
    | { readonly what: 'log-out'; readonly session: string }
    /** All that the store has kept of the changes of rows. */
    | { readonly what: 'transitions'; readonly all: readonly Transition[] }
    | { readonly what: 'rejection'; readonly error: string }
    /** A raw read of all rows beside WhatsApp's own view of which links are open. */
    | {
        readonly what: 'truth';
        readonly moment: 'end' | 'after-crash' | 'after-sync' | 'after-stop';
        readonly of?: string;
        readonly rows: readonly StoredSession[];
        readonly living: readonly string[];
        readonly sessions: readonly TrueSession[];
      }
  );

/** What is true of a session, by WhatsApp and by the process that has its connection. */
export interface TrueSession {
  readonly session: string;
  readonly mode: 'attached' | 'provided';
  readonly login: 'paired' | 'logged_out';
  /** Process that has the open link. */
  readonly openAt: string | null;
  /** Incarnation of that process. */
  readonly openBy: string | null;
  /** The row was deleted, or may not be judged for another reason. */
  readonly exempt: string | null;
  /** What the owner's own connection says, by incarnation. */
  readonly said: Readonly<Record<string, SessionStatus>>;
}

export type EntryOf<What extends HistoryEntry['what']> = Extract<HistoryEntry, { what: What }>;
export type HistoryFact = HistoryEntry extends infer Entry ? (Entry extends At ? Omit<Entry, 't'> : never) : never;

export interface Recorder {
  note(fact: HistoryFact): void;
  readonly entries: readonly HistoryEntry[];
}

export function createRecorder(nowMs: () => number): Recorder {
  const entries: HistoryEntry[] = [];
  return {
    entries,
    note(fact) {
      entries.push({ t: nowMs(), ...fact } as HistoryEntry);
    },
  };
}
