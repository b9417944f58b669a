import { type ClosingDecision, decideClosing } from '../../decide/closing.js';
import type { Config } from '../../options/config.js';
import { closingPolicyOf } from '../../options/inactivity-config.js';
import type { InactiveConversation } from '../../ports/conversation-store.js';
import type { Lease } from '../lease/lease.js';
import type { HostCalls } from '../limits/host-calls.js';
import { createSlots } from '../limits/limit-calls.js';

const AT_ONCE = 16;
const POLICY_LIMIT_MS = 5_000;

/** An inactive conversation and what its policy makes of it; `failed`: the policy threw, hung or returned nonsense. */
export interface Judged {
  readonly inactive: InactiveConversation;
  readonly decision: ClosingDecision | { readonly kind: 'failed' };
}

/**
 * Judges inactive conversations by the host's policy, several at once. One whose policy fails is left alone and
 * logged.
 */
export function createJudgeConversations(deps: { config: Pick<Config, 'inactivity'>; lease: Lease; host: HostCalls }) {
  const { lease, host } = deps;
  const { inactivity } = deps.config;

  async function judgeOne(inactive: InactiveConversation): Promise<Judged> {
    const { conversation } = inactive;
    const asked = {
      name: 'inactivity.policy',
      code: 'policy_failed',
      text: 'The policy of a conversation failed: it is left alone',
      fields: { conversationId: conversation.id },
    };
    const policy = await host.ask(asked, POLICY_LIMIT_MS, () => closingPolicyOf(inactivity, conversation));
    if (policy === null) return { inactive, decision: { kind: 'failed' } };
    return { inactive, decision: decideClosing(inactive, policy.result, lease.storeNow()) };
  }

  /**
   * Returns the judged conversations in the order of the page; leaves out those that were not judged because the run
   * had to stop.
   */
  return async (page: readonly InactiveConversation[], mayGoOn: () => boolean): Promise<Judged[]> => {
    const takePlace = createSlots(AT_ONCE);
    const judged = await Promise.all(
      page.map(async (inactive) => {
        const freePlace = await takePlace();
        try {
          return mayGoOn() ? await judgeOne(inactive) : null;
        } finally {
          freePlace();
        }
      }),
    );
    return judged.filter((one) => one !== null);
  };
}
