import type { CloseFacts } from './close-reasons.js';

/**
 * Reads what Baileys gives as the error of a close or of a query: a Boom, a plain `Error`, nothing, or the bare number 1006 that
 * a query in flight is rejected with when the WebSocket closes.
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
