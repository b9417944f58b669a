/**
 * Closes conversations that went quiet. This side only decides: it moves a conversation on, guarded by the sequence it read and by the gate, so a message or an outage
 * that came in between cancels the move. What has to be sent is sent by the session's owner (`send-outgoing.ts`).
 */
import type { Config } from '../config.js';
import { type ClosingDecision, decideClosing, outgoingId } from '../decide/closing.js';
import type { CheckedConversation, InactivityReport } from '../domain/report.js';
import { WaSyncError } from '../errors.js';
import { closingPolicyOf, shortestIdleMs } from '../inactivity-config.js';
import type { ConversationMove, ConversationStore, QuietConversation } from '../ports/conversation-store.js';
import type { WaSyncStore } from '../ports/store.js';
import { maskNumbers } from '../session-id.js';
import type { Events } from './emit-events.js';
import type { Lease } from './lease.js';
import { waitAtMost } from './wait-at-most.js';

const NAMED = 1_000;
const ADOPTED_AT_ONCE = 5_000;
const POLICY_LIMIT_MS = 5_000;
/** After a connection opens, what was written meanwhile arrives within half a minute; until it is recorded nobody is called quiet. */
export const SETTLED_FOR_MS = 60_000;

interface Planned {
  readonly quiet: QuietConversation;
  readonly decision: ClosingDecision;
}

export type CloseConversations = ReturnType<typeof createCloseConversations>;

export function createCloseConversations(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'inactivity'>;
  store: WaSyncStore;
  lease: Lease;
  events: Events;
}) {
  const { store, lease, events } = deps;
  const { clock, logger, inactivity } = deps.config;

  function conversations(): ConversationStore {
    if (store.conversations) return store.conversations;
    throw new WaSyncError('not_supported', 'This store keeps no conversations');
  }

  async function judge(quiet: QuietConversation): Promise<Planned | null> {
    const { conversation } = quiet;
    try {
      const policy = await waitAtMost(clock, POLICY_LIMIT_MS, async () => ({
        of: await closingPolicyOf(inactivity, conversation),
      }));
      if (!policy) throw new WaSyncError('config_invalid', 'The policy did not answer in time');
      return { quiet, decision: decideClosing(quiet, policy.of, lease.storeNow()) };
    } catch (error) {
      logger.error(
        { code: 'policy_failed', conversationId: conversation.id, error },
        'The policy of a conversation failed: it is left alone',
      );
      return null;
    }
  }

  function moveOf({ quiet, decision }: Planned): ConversationMove | null {
    const { conversation } = quiet;
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

  function tellMoved(move: ConversationMove, { conversation, quietForMs }: QuietConversation): void {
    const { id, sessionId } = conversation;
    const hours = Math.floor(quietForMs / 3_600_000);
    const did = { WARNED: 'warning', CLOSING: 'closing', CLOSED: 'closed' }[move.to];
    logger.info(
      { conversationId: id, sessionId, to: move.to, quietForMs },
      `Conversation ${maskNumbers(id)}: ${did} after ${hours} h of silence`,
    );
    if (move.to === 'WARNED') events.emit('conversation:warned', { at: clock.now(), conversationId: id, sessionId });
    if (move.to === 'CLOSED')
      events.emit('conversation:closed', { at: clock.now(), conversationId: id, sessionId, delivery: null });
  }

  /** Applies the moves and says what became of each planned conversation. */
  async function apply(planned: readonly Planned[], dryRun: boolean): Promise<CheckedConversation[]> {
    const moves = new Map(planned.map((one) => [one, moveOf(one)]));
    const wanted = [...moves.values()].filter((move) => move !== null);
    const moved = new Set(
      dryRun || wanted.length === 0 || !lease.trusted()
        ? []
        : await conversations().move({ moves: wanted, settledForMs: SETTLED_FOR_MS }),
    );
    return planned.map((one) => {
      const { conversation, quietForMs } = one.quiet;
      const said = (outcome: CheckedConversation['outcome'], reason: string): CheckedConversation => ({
        id: conversation.id,
        sessionId: conversation.sessionId,
        quietForMs,
        outcome,
        reason,
      });
      const move = moves.get(one);
      if (!move)
        return said(
          one.decision.kind === 'wait' ? 'waits' : 'skipped',
          'why' in one.decision ? one.decision.why : 'idle',
        );
      if (dryRun) return said(move.to === 'WARNED' ? 'would_warn' : 'would_close', 'idle');
      if (!moved.has(conversation.id)) return said('cancelled', 'no_longer_quiet');
      tellMoved(move, one.quiet);
      return said(({ WARNED: 'warned', CLOSING: 'closing', CLOSED: 'closed' } as const)[move.to], 'idle');
    });
  }

  async function run({ dryRun }: { dryRun: boolean }): Promise<InactivityReport> {
    const startedAt = clock.now();
    const startedMs = clock.monotonicMs();
    const adopted = dryRun ? 0 : await conversations().adopt({ limit: ADOPTED_AT_ONCE });
    const quiet = await conversations().quiet({
      quietForMs: shortestIdleMs(inactivity),
      settledForMs: SETTLED_FOR_MS,
      limit: inactivity.maxPerRun,
      skipStatuses: inactivity.skipStatuses ?? [],
    });
    const planned: Planned[] = [];
    const failed: CheckedConversation[] = [];
    for (const one of quiet) {
      const plan = await judge(one);
      const { id, sessionId } = one.conversation;
      if (plan) planned.push(plan);
      else failed.push({ id, sessionId, quietForMs: one.quietForMs, outcome: 'failed', reason: 'policy_failed' });
    }
    const checked = [...(await apply(planned, dryRun)), ...failed];
    const of = (...outcomes: CheckedConversation['outcome'][]) =>
      checked.filter(({ outcome }) => outcomes.includes(outcome)).length;
    return {
      startedAt,
      tookMs: clock.monotonicMs() - startedMs,
      dryRun,
      postponed: lease.trusted() ? null : 'lease_lost',
      totals: {
        checked: checked.length,
        closed: of('closed', 'closing', 'would_close'),
        warned: of('warned', 'would_warn'),
        waiting: of('waits'),
        skipped: of('skipped'),
        cancelled: of('cancelled'),
        failed: failed.length,
        adopted,
      },
      conversations: checked.slice(0, NAMED),
    };
  }

  return {
    run,
    ready: () => store.conversations !== undefined && lease.trusted(),
    /** The answer where another replica's run stands in the way. */
    elsewhere: (): InactivityReport => ({
      startedAt: clock.now(),
      tookMs: 0,
      dryRun: false,
      postponed: 'running_elsewhere',
      totals: { checked: 0, closed: 0, warned: 0, waiting: 0, skipped: 0, cancelled: 0, failed: 0, adopted: 0 },
      conversations: [],
    }),
  };
}
