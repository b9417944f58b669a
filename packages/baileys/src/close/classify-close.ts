import { errorLine, isWaSyncError, loggableError, type WaSyncErrorCode } from '@wa-sync/core';
import { CLOSE_RULES, type CloseFacts, type CloseReason, type CloseRule, type ReadFacts } from './close-reasons.js';

/**
 * Says what a close means. Pure and total: 408, 401 and 500 are distinguished by message and data.
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

/** Faults that trying again does not fix. */
const FINAL: ReadonlySet<WaSyncErrorCode> = new Set([
  'auth_corrupt',
  'auth_key_missing',
  'auth_wrong_number',
  'baileys_unavailable',
  'config_invalid',
  'session_not_found',
  'tenure_lost',
]);

/**
 * What it means that a socket could not even be made: the store of the credentials failed, or Baileys refused its
 * options.
 */
export function classifyOpenError(error: unknown): CloseReason {
  const code = isWaSyncError(error) ? error.code : 'open_failed';
  // Most errors here come from the host: a source of credentials, `socketConfig`, a pool. Its own words help most.
  const cause = errorLine(loggableError(error));
  const words = {
    en: isWaSyncError(error) ? error.message : `The connection could not be opened: ${cause}`,
    pt: isWaSyncError(error) ? 'Não foi possível abrir a conexão.' : `Não foi possível abrir a conexão: ${cause}`,
  };
  if (!isWaSyncError(error) || error.retryable || !FINAL.has(error.code)) {
    return { code, status: 'ERROR', action: 'open_failed', reconnects: true, credentials: 'keep', words };
  }
  const status = error.code === 'tenure_lost' ? 'DISCONNECTED' : 'ERROR';
  return { code, status, action: 'stop', reconnects: false, credentials: 'keep', words };
}

/**
 * Reads what Baileys gives as the error of a close or of a query: a Boom, a plain `Error`, nothing, or the bare number
 * 1006 that a query in flight is rejected with when the WebSocket closes.
 */
export function readCloseError(error: unknown): CloseFacts {
  if (typeof error === 'number') return { code: error };
  if (typeof error !== 'object' || error === null) return {};
  const { message, data, output } = error as { message?: unknown; data?: unknown; output?: { statusCode?: unknown } };
  const code = output?.statusCode;
  return {
    code: typeof code === 'number' ? code : null,
    message: typeof message === 'string' ? message : null,
    data,
  };
}
