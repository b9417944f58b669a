import type {
  ConversationMove,
  ConversationRecord,
  ConversationStore,
  RecordedMessage,
  WaSyncStore,
} from '@wa-sync/core';
import { hold, join, storeNow } from './arrange.js';
import { beatOf } from './beat-of.js';
import type { StoreHarness } from './store-suite.js';

/** For how long a session must have been unchanged, in these tests. */
export const UNCHANGED_MS = 60_000;
/** For how long a conversation must have been inactive, in these tests. */
export const INACTIVE_MS = 3_600_000;
/** The gate of these tests. */
export const gate = { unchangedForMs: UNCHANGED_MS };

/** The part of a store that these tests are about. */
export function conversationsOf(store: WaSyncStore): ConversationStore {
  if (!store.conversations) throw new Error('This store keeps no conversations');
  return store.conversations;
}

/** Lets time go by and keeps an owner's lease. */
export async function pass({ store, advance }: StoreHarness, owner: string, ms: number): Promise<void> {
  await advance(ms);
  await store.leases.beat(beatOf(owner));
}

/** A session `s` whose gate is open, and its owner. */
export async function openGate(harness: StoreHarness, id = 's'): Promise<string> {
  const owner = await join(harness.store);
  await hold(harness.store, owner, id);
  await pass(harness, owner, UNCHANGED_MS + 1_000);
  return owner;
}

/** Records one message now, of a contact of session `s` by default, and returns the sequence. */
export async function say(
  store: WaSyncStore,
  id: string,
  fields: Partial<RecordedMessage> = {},
): Promise<number | undefined> {
  const at = new Date(await storeNow(store));
  const base = { conversationId: id, sessionId: 's', from: 'contact' as const, at, chat: `${id}@s.whatsapp.net` };
  const [answer] = await conversationsOf(store).record({ messages: [{ ...base, ...fields }] });
  return answer?.sequence;
}

/** One conversation, or a failed test. */
export async function readConversation(store: WaSyncStore, id: string): Promise<ConversationRecord> {
  const [found] = await conversationsOf(store).get({ ids: [id] });
  if (!found) throw new Error(`A conversation ${JSON.stringify(id)} was expected`);
  return found;
}

/** A move with a message of its own id. */
export function moveTo(to: ConversationMove['to'], id: string, sequence: number, messageId?: string): ConversationMove {
  const kind = to === 'WARNED' ? 'warning' : 'farewell';
  const outgoing = messageId === undefined ? null : { id: messageId, kind: kind as 'warning', text: `${kind} ✓` };
  return { id, sequence, to, outgoing };
}

/** Makes one move and returns whether it was made. */
export async function move(store: WaSyncStore, one: ConversationMove): Promise<boolean> {
  const moved = await conversationsOf(store).move({ moves: [one], ...gate });
  return moved.length === 1 && moved[0] === one.id;
}
