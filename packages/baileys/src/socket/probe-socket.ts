import type { Clock, ProbeAnswer } from '@wa-sync/core';
import { withTimeout } from '@wa-sync/core/adapter';
import type { BaileysSocketLike } from '../client/baileys-like.js';
import { readCloseError } from '../close/classify-close.js';
import type { WhenClosed } from '../close/close-moment.js';

/**
 * One `w:p` ping, which settles within `timeoutMs`. The timeout is always passed on: without one a dead socket
 * *resolves* after a minute. Never to be called before the Noise handshake is over, which a query corrupts.
 *
 * @param params.whenClosed - a ping in flight would otherwise wait out its time
 */
export function pingSocket(params: {
  socket: BaileysSocketLike;
  clock: Clock;
  timeoutMs: number;
  whenClosed: WhenClosed;
}): Promise<ProbeAnswer> {
  const { socket, clock, timeoutMs, whenClosed } = params;
  return withTimeout(clock, timeoutMs, () => ask(socket, timeoutMs), {
    late: (why) => (why === 'timeout' ? 'timeout' : 'unavailable'),
    until: whenClosed,
  });
}

async function ask(socket: BaileysSocketLike, timeoutMs: number): Promise<ProbeAnswer> {
  try {
    const reply = await socket.query(
      {
        tag: 'iq',
        attrs: { to: 's.whatsapp.net', type: 'get', xmlns: 'w:p' },
        content: [{ tag: 'ping', attrs: {} }],
      },
      timeoutMs,
    );
    return reply === undefined ? 'timeout' : 'answered';
  } catch (error) {
    return answerOf(error);
  }
}

/** What a rejected ping says. An iq error is a reply like any other: somebody is there. */
function answerOf(error: unknown): ProbeAnswer {
  const { code, data } = readCloseError(error);
  if (code === 408) return 'timeout';
  // Baileys turns `<error code>` into a Boom 500 whose data is the number in it (NaN where there was none).
  if (code === 500 && typeof data === 'number') return 'answered';
  return 'unavailable';
}
