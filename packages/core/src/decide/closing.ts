import type { ConversationRecord, OutgoingMessage, Speaker } from '../domain/conversation.js';
import type { InactiveConversation } from '../ports/conversation-store.js';
import { type BusinessHours, isBusinessTime } from './business-hours.js';

/** How one conversation is closed. Durations in milliseconds. */
export interface ClosingPolicy {
  /** Time without a message until it is warned (where there is a warning) or closed. */
  readonly inactiveAfterMs: number;
  /** Sent first; the conversation is closed `graceMs` later. */
  readonly warning: { readonly text: string; readonly graceMs: number } | null;
  /** Sent on closing, in the host's language; `null` closes without a word. */
  readonly farewell: string | null;
  /** Closes only where one of these spoke last; `null`: whoever did. */
  readonly lastFrom: readonly Speaker[] | null;
  /** Statuses of the host that are left alone (snoozed, waiting for a department …). */
  readonly skipStatuses: readonly string[];
  /** Warns and closes only then; `null`: at any time. */
  readonly businessHours: BusinessHours | null;
}

/** What happens to an inactive conversation. */
export type ClosingDecision =
  | {
      readonly kind: 'wait';
      readonly why: 'not_inactive' | 'warning_pending' | 'grace' | 'gate_closed' | 'after_hours';
    }
  | { readonly kind: 'skip'; readonly why: 'status' | 'last_speaker' | 'group' | 'no_policy' }
  | { readonly kind: 'warn'; readonly text: string }
  | { readonly kind: 'close'; readonly farewell: string | null };

/** Decides about one conversation. Pure and total; `storeNow` is the store's time. */
export function decideClosing(
  inactive: InactiveConversation,
  policy: ClosingPolicy | null,
  storeNow: Date,
): ClosingDecision {
  const { conversation, gateOpen, inactiveForMs, warnedForMs } = inactive;
  if (policy === null) return { kind: 'skip', why: 'no_policy' };
  if (isGroup(conversation)) return { kind: 'skip', why: 'group' };
  if (conversation.hostStatus !== null && policy.skipStatuses.includes(conversation.hostStatus)) {
    return { kind: 'skip', why: 'status' };
  }
  const { lastFrom } = conversation;
  if (policy.lastFrom !== null && (lastFrom === null || !policy.lastFrom.includes(lastFrom))) {
    return { kind: 'skip', why: 'last_speaker' };
  }
  if (inactiveForMs < policy.inactiveAfterMs) return { kind: 'wait', why: 'not_inactive' };
  if (!gateOpen) return { kind: 'wait', why: 'gate_closed' };
  if (policy.businessHours && !isBusinessTime(storeNow, policy.businessHours))
    return { kind: 'wait', why: 'after_hours' };
  // Nobody spoke since it was adopted: send nothing out of the blue.
  const speaks = !conversation.adopted && conversation.chat !== null;
  if (policy.warning && speaks && conversation.state === 'OPEN') return { kind: 'warn', text: policy.warning.text };
  if (policy.warning && conversation.state === 'WARNED') {
    // A warning that was not sent yet warns nobody.
    if (isUnderWay(conversation.outgoing)) return { kind: 'wait', why: 'warning_pending' };
    if (warnedForMs === null || warnedForMs < policy.warning.graceMs) return { kind: 'wait', why: 'grace' };
  }
  return { kind: 'close', farewell: speaks ? policy.farewell : null };
}

function isUnderWay(outgoing: OutgoingMessage | null): boolean {
  return outgoing !== null && (outgoing.delivery === 'pending' || outgoing.delivery === 'sending');
}

function isGroup({ chat }: ConversationRecord): boolean {
  return chat !== null && (chat.endsWith('@g.us') || chat.endsWith('@broadcast') || chat.endsWith('@newsletter'));
}

/**
 * The id of the one message that a closing may send: one farewell per closing number, one warning per silence. Hash:
 * 64-bit FNV-1a (RFC 9923), behind the prefix that WhatsApp Web gives its own ids.
 */
export function outgoingId(conversation: ConversationRecord, kind: 'warning' | 'farewell'): string {
  const { id, closingNumber, sequence } = conversation;
  const name = JSON.stringify(kind === 'farewell' ? [id, closingNumber, kind] : [id, closingNumber, kind, sequence]);
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return `3EB0${hash.toString(16).toUpperCase().padStart(16, '0')}`;
}
