import { errorLine, isWaSyncError, loggableError, type WaSyncErrorCode } from '@wa-sync/core';
import type { CloseReason } from './close-reasons.js';

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

/** What it means that a socket could not even be made: the store of the credentials failed, or Baileys refused its options. */
export function classifyOpenError(error: unknown): CloseReason {
  const code = isWaSyncError(error) ? error.code : 'open_failed';
  // Most of what throws here is the host's own: a source of credentials, `socketConfig`, a pool. Its words are what helps.
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
