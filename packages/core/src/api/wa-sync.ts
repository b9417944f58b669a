import type {
  CleanupReport,
  HostImportProgress,
  HostImportReport,
  InactivityReport,
  SyncReport,
} from '../domain/report.js';
import type { Desired, Evidence, Health, Reason, SessionStatus, StoredSession } from '../domain/session.js';
import type { WhatsAppConnection } from '../ports/connection.js';
import type { RecordedMessage } from '../ports/conversation-store.js';
import type { Transition, TransitionFeed } from '../ports/history-store.js';
import type { ClusterJobName, JobName, JobRun } from '../ports/job-store.js';
import type { Logger } from '../ports/logger.js';
import type { WaSyncEventName, WaSyncEvents } from './events.js';

/** What `status` returns. */
export interface StatusAnswer {
  readonly sessionId: string;
  /** Whether WhatsApp answers on this session's connection now. */
  readonly connected: boolean;
  readonly timestamp: Date;
  readonly status: SessionStatus;
  readonly evidence: Evidence;
  readonly health: Health;
  readonly reason: Reason | null;
  /**
   * `connection`: asked here. `owner`: asked by the replica that has it. `lease`: the row, read together with its
   * owner's lease, where nobody has it or its owner cannot be asked.
   */
  readonly askedOf: 'connection' | 'owner' | 'lease';
}

/** How `status` asks. */
export interface StatusOptions {
  /**
   * Runs each reading of the store, such as once there are not too many under way. A session that this replica has
   * needs none.
   * @defaultValue each runs at once
   */
  readonly limit?: (<T>(read: () => Promise<T>) => Promise<T>) | undefined;
}

/** An attached connection. */
export interface AttachHandle {
  readonly sessionId: string;
  /**
   * Aborts when this connection no longer stands for its session: another replica took it over, or a newer attach of
   * this process replaced it. Do not open another socket then.
   */
  readonly lost: AbortSignal;
  /**
   * Resolves after the first reconcile pass over the session, so that its row is right unless the store failed. Before
   * `start()` it resolves at once: `start()` reconciles all that is attached. Never rejects: what could not be written
   * is tried again.
   */
  readonly ready: Promise<void>;
  /** Stops watching; the row becomes `DISCONNECTED`, evidence `unobserved`. */
  detach(): Promise<void>;
}

/** What a person needs to link a session: a QR code to scan, or a code to type in on the phone. */
export type PairingStep =
  | {
      readonly qr: string;
      /** By the wall clock of this host; `null` where it is not known. The next code follows by itself. */
      readonly expiresAt: Date | null;
    }
  | { readonly code: string; readonly expiresAt: Date };

/** A session to add. */
export interface NewSessionParams {
  readonly id: string;
  readonly phone?: string | null | undefined;
  /** What the host wants; a provider opens a `running` one. @defaultValue `running` */
  readonly desired?: Desired | undefined;
}

/** A session that an earlier system ran. */
export interface ImportedSession {
  readonly id: string;
  readonly phone?: string | null | undefined;
  /** What the host wants; a provider opens a `running` one. @defaultValue `running` */
  readonly desired?: Desired | null | undefined;
  /**
   * What the earlier system said. Ten minutes later, if nobody holds it by then, it is `DISCONNECTED`. @defaultValue
   * `DISCONNECTED`
   */
  readonly status?: SessionStatus | null | undefined;
  /** Last sign of life: what the cleanup counts from. @defaultValue none, so that it counts from the import */
  readonly lastSeenAt?: Date | null | undefined;
}

/** How `sessions.importFromHost` works. */
export interface ImportFromHostOptions {
  /** Writes nothing, and says what would be done. @defaultValue `false` */
  readonly dryRun?: boolean | undefined;
  /** Called after each batch; it is not waited for. */
  readonly onProgress?: ((progress: HostImportProgress) => void) | undefined;
}

/** Rows and what the host wants of them. */
export interface SessionsApi {
  /**
   * Adds a session.
   * @throws WaSyncError `session_exists`, `session_id_invalid`, `config_invalid`
   */
  create(params: NewSessionParams): Promise<StoredSession>;
  /**
   * Adds a session where there is none, for start-up code that runs at every start and in every process. A row that is
   * there stays as it is: one that a person stopped stays stopped. Returns the row.
   * @throws WaSyncError `session_id_invalid`, `config_invalid`
   * @example
   * await wa.sessions.ensure({ id: 'shop' });
   */
  ensure(params: NewSessionParams): Promise<StoredSession>;
  /**
   * Takes over sessions of an earlier system, a thousand in a statement; all are checked before the first is written.
   * Those that are there already stay as they are, so the call may stay in start-up code. Other fields of an entry are
   * not read. Returns how many were new.
   * @throws WaSyncError `import_invalid` that counts the wrong entries, names the first of them, and says what was
   * given and what it takes
   * @example
   * await wa.sessions.import({ sessions: [{ id: 'shop', status: 'CONNECTED', lastSeenAt: row.lastSeen }] });
   */
  import(params: { sessions: readonly ImportedSession[] }): Promise<{ created: number }>;
  /**
   * Takes over the rows of the host's own table, read page by page through the mapping of the store: id, word, phone,
   * last sign of life. Sessions that are there already stay as they are, so the call may stay in start-up code, and
   * one that failed halfway is finished by the next.
   *
   * Nobody vouches for what is read, as with `import`. Where statuses share a word, the session gets the one that
   * promises least: of `DISCONNECTED`, `ERROR`, `CONNECTING`, `QR_CODE`, `RECONNECTING`, `REPLACED`, `LOGGED_OUT`,
   * `CONNECTED` the first that has it. A word that no status has becomes `DISCONNECTED`, and is reported; one that the
   * mapping leaves alone is `CONNECTING`. A row that the host has set inactive runs
   * nowhere until the host sets it active.
   * @throws WaSyncError `not_supported` where the store maps no table, `config_invalid`, `mirror_invalid`,
   * `store_timeout` such as where the table is locked, and what else the store throws
   * @example
   * const { created, unknownWords } = await wa.sessions.importFromHost({ dryRun: true });
   */
  importFromHost(options?: ImportFromHostOptions): Promise<HostImportReport>;
  /** One row, or `null`. */
  get(id: string): Promise<StoredSession | null>;
  /** A page in the order of ids; `next` is the `after` of the next one. `limit` defaults to 100, at most 1,000. */
  list(params?: { after?: string; limit?: number }): Promise<{ sessions: StoredSession[]; next: string | null }>;
  /**
   * What became of a session, the newest change first, for as long as `history.keepDays`. A page; `next` is the
   * `before` of the next one. `limit` defaults to 100, at most 1,000.
   * @throws WaSyncError `session_not_found`, `not_supported` where the store keeps none, `config_invalid`
   * @example
   * const { transitions } = await wa.sessions.history('shop', { limit: 20 });
   */
  history(
    id: string,
    options?: { before?: string | undefined; limit?: number | undefined },
  ): Promise<{ transitions: Transition[]; next: string | null }>;
  /**
   * The host wants it running: a provider opens it. Where another replica has it, that one opens it.
   * @throws WaSyncError `session_not_found`
   */
  start(id: string): Promise<StoredSession>;
  /**
   * The host wants it stopped: what the provider opened is closed, on whichever replica. A socket that the host owns
   * is not touched.
   * @throws WaSyncError `session_not_found`
   */
  stop(id: string): Promise<StoredSession>;
  /**
   * Opens the session and yields each QR code, or with `phone` (digits with country code) each pairing code, until it
   * is `CONNECTED`. Breaking out of the loop, or `signal`, ends the watching and not the session.
   * @throws WaSyncError `qr_expired` when nobody linked it in time, `pairing_failed`, `session_not_found`,
   * `no_provider`, `not_supported`
   * @example
   * for await (const step of wa.sessions.pair('shop')) {
   *   if ('qr' in step) show(step.qr, step.expiresAt);
   * }
   */
  pair(
    id: string,
    options?: { phone?: string | undefined; signal?: AbortSignal | undefined },
  ): AsyncIterable<PairingStep>;
  /**
   * Unlinks the device at WhatsApp: the session becomes `LOGGED_OUT`. Where another replica has it, that one does it.
   * @throws WaSyncError `not_supported` where no living replica runs it, `connection_closed`, `owner_silent` where the
   * one that runs it did not answer in time (it may have been done all the same), `session_not_found`
   */
  logout(id: string): Promise<void>;
}

/** The changes of all sessions, whichever replica made them. */
export interface HistoryApi {
  /**
   * The changes after a cursor, oldest first, each once; without `after` none, but the cursor of now. `limit` defaults
   * to 100, at most 1,000.
   * @throws WaSyncError `not_supported` where the store keeps none, `config_invalid`
   * @example
   * let { next } = await wa.history.since();
   * // later, and after a restart with the same cursor:
   * const feed = await wa.history.since({ after: next });
   * if (feed.missed) await readEverythingAnew();
   * next = feed.next;
   */
  since(options?: { after?: string | null | undefined; limit?: number | undefined }): Promise<TransitionFeed>;
}

/** What the store remembers of the jobs that one replica runs for all. */
export interface RunsApi {
  /**
   * A page, newest first; `next` is the `before` of the next one. `limit` defaults to 100, at most 1,000.
   * @throws WaSyncError `not_supported` where the store keeps no runs, `config_invalid`
   */
  list(params?: {
    job?: ClusterJobName | undefined;
    before?: string | undefined;
    limit?: number;
  }): Promise<{ runs: JobRun[]; next: string | null }>;
  /**
   * One run, or `null`.
   * @throws WaSyncError `not_supported`
   */
  get(id: string): Promise<JobRun | null>;
}

/** A running replica. Made by `createWaSync`. */
export interface WaSync {
  readonly replicaId: string;
  /**
   * The logger that was given to `createWaSync`, as its parts call it: what it throws ends nothing, and numbers come
   * out masked.
   */
  readonly logger: Logger;
  /**
   * Makes the store ready, takes the lease, starts the tick and syncs once.
   * @throws WaSyncError `already_started`, `replica_id_in_use`, `not_running` where `stop()` is called meanwhile
   */
  start(): Promise<void>;
  /**
   * Closes what the provider opened, writes what that means, releases the lease. May be called at any moment, also
   * during `start()`; a second call waits for the first. Default `timeoutMs`: 1,200. Where that is too short for all
   * rows, the log says how many are left (`stop_failed`): they are free once the lease has run out.
   */
  stop(params?: { timeoutMs?: number }): Promise<void>;
  /**
   * Aborts when `stop()` is called: what serves others on behalf of this replica ends then, such as streams of events.
   */
  readonly stopping: AbortSignal;
  /**
   * Watches a connection that the host owns, from this call on; it may come before `start()`. A second attach of a
   * session replaces the first.
   * @throws WaSyncError `session_provided`, `session_id_invalid`, `not_running` after `stop()`, `config_invalid` for
   * what is no connection
   * @example
   * const socket = makeWASocket({ auth: state });
   * const { lost } = wa.attach(observeBaileysSocket({ sessionId: 'shop', socket, onDead: 'end' }));
   */
  attach(connection: WhatsAppConnection): AttachHandle;
  /**
   * Asks the connection, not the row. A session that another replica has is asked of that one, which takes a tick at
   * most where the store cannot notify it.
   * @throws WaSyncError `no_current_session`, `session_not_found`, `status_unknown`
   */
  status(id?: string, options?: StatusOptions): Promise<StatusAnswer>;
  /** Compares and corrects one session, whichever replica has it, or all that this replica can judge. */
  syncNow(id?: string): Promise<SyncReport>;
  /**
   * The same with no cache: probes each connection now and heals what is dead. Without an id also the cleanup and the
   * check of inactive conversations.
   */
  forceSync(id?: string): Promise<SyncReport>;
  /**
   * Deactivates sessions that gave no sign of life for `cleanup.afterDays`, and deletes those silent for
   * `cleanup.purgeAfterDays` with their credentials. `dryRun` only says what would be done; `force` ignores
   * `cleanup.maxFraction`.
   * @throws WaSyncError `not_supported`, `not_running`
   */
  cleanupSessions(options?: { dryRun?: boolean; force?: boolean }): Promise<CleanupReport>;
  /**
   * Warns and closes inactive conversations whose session can send. `dryRun` only says what would be done.
   * @throws WaSyncError `not_supported`, `not_running`
   */
  checkInactiveConversations(options?: { dryRun?: boolean }): Promise<InactivityReport>;
  /**
   * Records a message of a conversation; settles when it is committed, after which no closing can miss it.
   * @throws WaSyncError `message_invalid`, `not_supported`
   */
  recordMessage(message: RecordedMessage): Promise<void>;
  /**
   * Runs a job for a host whose own scheduler calls (`jobs: { sync: false, … }`). With a `slot`, a cluster job runs
   * once among all replicas for that instant.
   */
  runJob(job: JobName, options?: { slot?: Date | null }): Promise<{ ran: boolean }>;
  /** The id that `current` means: the one given in the configuration. */
  readonly currentSession: string | null;
  readonly sessions: SessionsApi;
  readonly runs: RunsApi;
  readonly history: HistoryApi;
  on<Name extends WaSyncEventName>(name: Name, listener: (payload: WaSyncEvents[Name]) => unknown): () => void;
}
