import { CLOSE_RULES, type CloseFacts, type CloseReason, type CloseRule, type ReadFacts } from './close-reasons.js';

/**
 * Says what a close means. Pure and total: 408, 401 and 500 are told apart by message and data.
 *
 * @example
 * classifyClose({ code: 408, message: 'QR refs attempts ended' }).action // 'wait_for_person'
 */
export function classifyClose(facts: CloseFacts): CloseReason {
  const read = readFacts(facts);
  const rule = CLOSE_RULES.find((one) => one.when(read)) ?? (CLOSE_RULES.at(-1) as CloseRule);
  // What the engine or a watchdog found keeps its own name.
  return reasonOf(rule, rule.code === 'silent' ? read.ours : null);
}

/** Every entry of the table, for documentation and tests. */
export const CLOSE_REASONS: readonly CloseReason[] = CLOSE_RULES.map((rule) => reasonOf(rule, null));

function reasonOf({ when: _, ...reason }: CloseRule, code: string | null): CloseReason {
  return code === null ? reason : { ...reason, code };
}

function readFacts(facts: CloseFacts): ReadFacts {
  const data = reasonIn(asRecord(facts.data));
  return {
    code: typeof facts.code === 'number' && Number.isFinite(facts.code) ? facts.code : null,
    message: typeof facts.message === 'string' ? facts.message : '',
    // A stanza has its attributes inside; of a `<failure>` Baileys gives the attributes themselves.
    attrs: data.attrs === undefined ? data : asRecord(data.attrs),
    ours: typeof data.waSync === 'string' && data.waSync !== '' ? data.waSync : null,
  };
}

/** Clients before 7 give the whole `<stream:error>`, later ones the child that says why. */
function reasonIn(data: CloseData): CloseData {
  if (data.tag !== 'stream:error' || !Array.isArray(data.content)) return data;
  const child = (data.content as readonly unknown[]).map(asRecord).find(({ tag }) => typeof tag === 'string');
  return child ?? data;
}

interface CloseData {
  readonly tag?: unknown;
  readonly content?: unknown;
  readonly attrs?: unknown;
  readonly waSync?: unknown;
  readonly type?: unknown;
  readonly reason?: unknown;
}

function asRecord(value: unknown): CloseData {
  return typeof value === 'object' && value !== null ? (value as CloseData) : {};
}
