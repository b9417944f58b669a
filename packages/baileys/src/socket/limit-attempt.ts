import type { Clock, ProbeAnswer } from '@wa-sync/core';
import { HANDSHAKE_GRACE_MS } from '../client/baileys-like.js';
import type { OneTimer } from '../client/timers.js';

/** A login may take this many times its limit as long as frames keep coming. */
const LONGEST_ATTEMPT = 3;
const PROOF_TIMEOUT_MS = 5_000;
const PROOF_TRIES = 2;

/**
 * Ends a login that leads nowhere. A slow login goes on: given up, it would only begin anew on the same slow machine.
 */
export function limitAttempt(params: {
  clock: Clock;
  timer: OneTimer;
  /** How long the login may be without a frame. */
  limitMs: number;
  lastFrameAtMs(): number | null;
  /** Whether the login is still under way. */
  goesOn(): boolean;
  onTooLong(): void;
}): void {
  const { clock, timer, limitMs } = params;
  const startedAtMs = clock.monotonicMs();

  async function judge(): Promise<void> {
    // After a stall of this process its answers lie unread: they are read first.
    await clock.yield();
    await clock.yield();
    if (!params.goesOn()) return;
    const nowMs = clock.monotonicMs();
    const silentMs = nowMs - Math.max(startedAtMs, params.lastFrameAtMs() ?? 0);
    const tooLong = nowMs - startedAtMs >= LONGEST_ATTEMPT * limitMs;
    if (silentMs >= limitMs || tooLong) params.onTooLong();
    else timer.set(judge, limitMs - silentMs);
  }

  timer.set(judge, limitMs);
}

/**
 * Asks a socket until it has proved itself: after a doubtful `open`, or where that event went by before anybody
 * listened.
 */
export async function proveOpen(params: {
  timer: OneTimer;
  /** Whether the question still stands. */
  goesOn(): boolean;
  worthAsking(): boolean;
  probe(params: { timeoutMs: number }): Promise<ProbeAnswer>;
  onProven(): void;
  onSilent(): void;
}): Promise<void> {
  let triesLeft = PROOF_TRIES;

  async function ask(): Promise<void> {
    const answer = params.worthAsking() ? await params.probe({ timeoutMs: PROOF_TIMEOUT_MS }) : 'unavailable';
    if (!params.goesOn()) return;
    if (answer === 'timeout') triesLeft -= 1;
    if (answer === 'answered') params.onProven();
    else if (answer === 'unavailable') params.timer.set(ask, HANDSHAKE_GRACE_MS);
    else if (triesLeft > 0) await ask();
    else params.onSilent();
  }

  await ask();
}
