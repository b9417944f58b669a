/**
 * Closes inactive conversations. This side only decides: it moves a conversation on, guarded by the sequence it read
 * and by the gate, so a message or an outage that came in between cancels the move. What has to be sent is sent by the
 * session's owner (`send-outgoing.ts`).
 */

import { outgoingId } from '../../decide/closing.js';
import { WaSyncError } from '../../domain/errors.js';
import type { CheckedConversation, InactivityReport } from '../../domain/report.js';
import { maskNumbers } from '../../domain/safe-text.js';
import type { Config } from '../../options/config.js';
import { shortestInactiveMs } from '../../options/inactivity-config.js';
import type {
  ConversationMove,
  ConversationStore,
  InactiveConversation,
  InactiveCursor,
} from '../../ports/conversation-store.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { Events } from '../events/emit-events.js';
import type { Lease } from '../lease/lease.js';
import { createBatchSize } from '../limits/batch-size.js';
import type { HostCalls } from '../limits/host-calls.js';
import { createJudgeConversations, type Judged } from './judge-conversations.js';
import { publishEnded, UNCHANGED_FOR_MS } from './send-outgoing.js';

const NAMED = 1_000;
const PAGE = 200;
const FOLLOWED_AT_ONCE = 5_000;
const ADOPTED_AT_ONCE = 20_000;
const LOST_AT_ONCE = 1_000;
/** Of what a batch took: in the pause after it, what it had locked can be written. */
const PAUSE_AFTER = 1 / 10;

type Postponed = Exclude<InactivityReport['postponed'], null>;
type Counts = { -readonly [Key in keyof InactivityReport['totals']]: number };
type Outcome = CheckedConversation['outcome'];

interface Run {
  readonly dryRun: boolean;
  readonly goOn: () => boolean;
  readonly named: CheckedConversation[];
  readonly counts: Counts;
  /** Conversations that this run may still move. */
  left: number;
  open: number | null;
  postponed: Postponed | null;
}

const COUNTED_AS: Readonly<Record<Outcome, keyof Counts>> = {
  closed: 'closed',
  closing: 'closed',
  would_close: 'closed',
  warned: 'warned',
  would_warn: 'warned',
  waits: 'waiting',
  skipped: 'skipped',
  cancelled: 'cancelled',
  failed: 'failed',
};
const MOVED = { WARNED: 'warned', CLOSING: 'closing', CLOSED: 'closed' } as const;

export type CloseConversations = ReturnType<typeof createCloseConversations>;

export function createCloseConversations(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'inactivity'>;
  store: WaSyncStore;
  lease: Lease;
  events: Events;
  host: HostCalls;
}) {
  const { store, lease, events } = deps;
  const { clock, logger, inactivity } = deps.config;
  const judge = createJudgeConversations(deps);
  /** Beats of the owners wait for as long as a batch takes, and rows of the sessions cannot be written. */
  const moving = createBatchSize({ clock });

  function conversations(): ConversationStore {
    if (store.conversations) return store.conversations;
    throw new WaSyncError('not_supported', 'This store keeps no conversations');
  }

  function mayGoOn(run: Run): boolean {
    if (!run.dryRun && !run.goOn()) run.postponed = 'lease_lost';
    return run.postponed === null;
  }

  function note(
    { counts, named }: Run,
    { conversation, inactiveForMs }: InactiveConversation,
    outcome: Outcome,
    reason: string,
  ) {
    const { id, sessionId } = conversation;
    counts.checked += 1;
    counts[COUNTED_AS[outcome]] += 1;
    if (named.length < NAMED) named.push({ id, sessionId, inactiveForMs, outcome, reason });
  }

  function moveOf({ inactive, decision }: Judged): ConversationMove | null {
    const { conversation } = inactive;
    const { id, sequence } = conversation;
    if (decision.kind === 'warn') {
      const outgoing = { id: outgoingId(conversation, 'warning'), kind: 'warning' as const, text: decision.text };
      return { id, sequence, to: 'WARNED', outgoing };
    }
    if (decision.kind !== 'close') return null;
    if (decision.farewell === null) return { id, sequence, to: 'CLOSED', outgoing: null };
    const outgoing = { id: outgoingId(conversation, 'farewell'), kind: 'farewell' as const, text: decision.farewell };
    return { id, sequence, to: 'CLOSING', outgoing };
  }

  function publishMoved(move: ConversationMove, { conversation, inactiveForMs }: InactiveConversation): void {
    const { id: conversationId, sessionId } = conversation;
    const hours = Math.floor(inactiveForMs / 3_600_000);
    const did = { WARNED: 'warning', CLOSING: 'closing', CLOSED: 'closed' }[move.to];
    logger.info(
      { conversationId, sessionId, to: move.to, inactiveForMs },
      `Conversation ${maskNumbers(conversationId)}: ${did} after ${hours} h of silence`,
    );
    const event = { at: clock.now(), conversationId, sessionId };
    if (move.to === 'WARNED') events.emit('conversation:warned', event);
    if (move.to === 'CLOSED') events.emit('conversation:closed', { ...event, delivery: null });
  }

  async function apply(run: Run, moves: ReadonlyMap<ConversationMove, InactiveConversation>): Promise<void> {
    if (run.dryRun) {
      for (const [move, inactive] of moves)
        note(run, inactive, move.to === 'WARNED' ? 'would_warn' : 'would_close', 'inactive');
      return;
    }
    const all = [...moves];
    for (let from = 0; from < all.length && mayGoOn(run); ) {
      const some = all.slice(from, from + moving.rows());
      from += some.length;
      await applyBatch(run, new Map(some));
      const pauseMs = moving.tookMs() * PAUSE_AFTER;
      if (from < all.length && pauseMs >= 1)
        await new Promise<void>((resolve) => void clock.schedule(resolve, pauseMs));
    }
  }

  async function applyBatch(run: Run, moves: ReadonlyMap<ConversationMove, InactiveConversation>): Promise<void> {
    const asked = { moves: [...moves.keys()], unchangedForMs: UNCHANGED_FOR_MS };
    const moved = new Set(await moving.measure(() => conversations().move(asked)));
    for (const [move, inactive] of moves) {
      if (!moved.has(move.id)) {
        note(run, inactive, 'cancelled', 'no_longer_inactive');
        continue;
      }
      note(run, inactive, MOVED[move.to], 'inactive');
      publishMoved(move, inactive);
    }
  }

  async function checkPage(run: Run, page: readonly InactiveConversation[]): Promise<void> {
    const moves = new Map<ConversationMove, InactiveConversation>();
    for (const { inactive, decision } of await judge(page, () => mayGoOn(run))) {
      const move = moveOf({ inactive, decision });
      if (move && run.left > 0) {
        moves.set(move, inactive);
        run.left -= 1;
      } else if (move) note(run, inactive, 'waits', 'max_per_run');
      else if (decision.kind === 'failed') note(run, inactive, 'failed', 'policy_failed');
      else if (decision.kind === 'wait' || decision.kind === 'skip')
        note(run, inactive, decision.kind === 'wait' ? 'waits' : 'skipped', decision.why);
    }
    await apply(run, moves);
  }

  /**
   * Reads pages until a run has made all the moves that it may make: conversations that are skipped must not hide the
   * later ones.
   */
  async function checkAll(run: Run): Promise<void> {
    for (let after: InactiveCursor | undefined, full = true; full && run.left > 0 && mayGoOn(run); ) {
      const page = await conversations().inactive({
        inactiveForMs: shortestInactiveMs(inactivity),
        unchangedForMs: UNCHANGED_FOR_MS,
        after,
        limit: PAGE,
        skipStatuses: inactivity.skipStatuses ?? [],
      });
      await checkPage(run, page);
      const last = page.at(-1)?.conversation;
      after = last && { heardAt: last.heardAt, id: last.id };
      full = page.length === PAGE;
    }
  }

  /** First adopt new rows of the host's table and end messages whose sender is gone; then judge. */
  async function takeStock(run: Run): Promise<void> {
    if (run.dryRun || !mayGoOn(run)) return;
    await conversations().followHost?.({ limit: FOLLOWED_AT_ONCE });
    // Adopt all of them: their clocks start with the adoption, and a table may have more rows than one call takes.
    for (let full = true; full && mayGoOn(run); ) {
      const adopted = await conversations().adopt({ limit: ADOPTED_AT_ONCE });
      run.counts.adopted += adopted;
      full = adopted === ADOPTED_AT_ONCE;
    }
    if (!mayGoOn(run)) return;
    for (const ended of await conversations().endLost({ limit: LOST_AT_ONCE })) publishEnded(deps, ended);
  }

  /**
   * Counted before anything is closed. The number is for people only: a store that cannot count must not keep
   * conversations open.
   */
  async function countOpen(run: Run): Promise<number | null> {
    if (!mayGoOn(run)) return null;
    try {
      const open = await conversations().countOpen?.();
      return open !== undefined && Number.isSafeInteger(open) && open >= 0 ? open : null;
    } catch (error) {
      logger.debug({ err: error }, 'The open conversations could not be counted: the report leaves their number out');
      return null;
    }
  }

  function createRun(dryRun: boolean, goOn: () => boolean): Run {
    const counts = {
      checked: 0,
      closed: 0,
      warned: 0,
      waiting: 0,
      skipped: 0,
      cancelled: 0,
      failed: 0,
      adopted: 0,
    };
    return { dryRun, goOn, named: [], counts, left: inactivity.maxPerRun, open: null, postponed: null };
  }

  function reportOf(run: Run, startedAt: Date, tookMs: number): InactivityReport {
    const { dryRun, postponed, open, counts, named } = run;
    return { startedAt, tookMs, dryRun, postponed, open, totals: counts, conversations: named };
  }

  return {
    /** `goOn` must hold right before every change; a dry run changes nothing. */
    async run(options: { dryRun: boolean; goOn?: () => boolean }): Promise<InactivityReport> {
      const startedAt = clock.now();
      const startedMs = clock.monotonicMs();
      const run = createRun(options.dryRun, options.goOn ?? lease.trusted);
      await takeStock(run);
      run.open = await countOpen(run);
      await checkAll(run);
      return reportOf(run, startedAt, clock.monotonicMs() - startedMs);
    },
    ready: () => store.conversations !== undefined && lease.trusted(),
    /** The report where nothing was done. */
    nothing(postponed: Postponed): InactivityReport {
      conversations();
      return reportOf({ ...createRun(false, () => false), postponed }, clock.now(), 0);
    },
  };
}
