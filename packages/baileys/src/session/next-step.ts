import { nextBackoffMs, type SessionStatus } from '@wa-sync/core';
import type { CloseFacts, CloseReason } from '../close/close-reasons.js';

/** The first and the longest pause between sockets, in milliseconds. */
export interface BackoffSettings {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * A connection that was open for so long starts from `baseMs` again. Shorter ones do not: WhatsApp also accepts logins
 * that it ends at once.
 */
export const STABLE_AFTER_MS = 60_000;
/** The shortest pause after the login was opened elsewhere; it is twice as long at most. */
export const REPLACED_PAUSE_MS = 2_000;

/** What earlier attempts leave behind for the decision about the next one. */
export interface RetryHistory {
  /** Back-offs since the connection was last stable. */
  readonly backoffs: number;
  /** Attempts since the connection was last open. */
  readonly attempts: number;
  /** The reason of the last closes in a row without an open between them. */
  readonly inARow: { readonly code: string; readonly times: number };
  /** Reopenings without a pause since the connection was last stable. */
  readonly atOnce: number;
  /** When the login was taken over elsewhere, lately. */
  readonly replacedAtMs: readonly number[];
  /** Long pauses after take-overs since the connection was last stable. */
  readonly longPauses: number;
}

export const NO_HISTORY: RetryHistory = {
  backoffs: 0,
  attempts: 0,
  inARow: { code: '', times: 0 },
  atOnce: 0,
  replacedAtMs: [],
  longPauses: 0,
};

/** What follows a close. */
export interface NextStep {
  readonly status: SessionStatus;
  readonly reason: { readonly code: string; readonly detail: string };
  /** Pause before the next socket; `null`: none until a person acts. */
  readonly delayMs: number | null;
  readonly quarantine: boolean;
  readonly history: RetryHistory;
}

/** More reopenings than this without a pause are a loop. */
const MOST_AT_ONCE = 3;
const REPLACED_WITHIN_MS = 30_000;
const REPLACED_TOO_OFTEN = 5;
/** The first pause once it was taken over too often; doubles with every further one. */
const REPLACED_LONG_PAUSE_MS = 30_000;
/** While WhatsApp refuses the client version: only an update of Baileys ends that. */
const SLOW_RETRY_MS = 900_000;
/**
 * A refusal of the client version and a failure to open are believed at the third time, any other doubt at the second.
 */
const BELIEVED_AT: Partial<Record<CloseReason['action'], number>> = { slow_retry: 3, confirm_once: 2, open_failed: 3 };
const LONGEST_PAUSE_MS = 24 * 3_600_000;
const BAN_WITHOUT_EXPIRY_S = 3_600;
const MOST_DOUBLINGS = 6;

/** Decides what follows a close. Pure: time and chance are parameters. */
export function nextStep(params: {
  close: CloseReason;
  facts: CloseFacts;
  history: RetryHistory;
  settings: BackoffSettings;
  nowMs: number;
  /** A number in [0, 1). */
  random: number;
}): NextStep {
  const { close, settings, nowMs, random } = params;
  const times = params.history.inARow.code === close.code ? params.history.inARow.times + 1 : 1;
  const history: RetryHistory = { ...params.history, inARow: { code: close.code, times } };
  const reason = { code: close.code, detail: close.words.en };
  const spread = (ms: number) => Math.min(LONGEST_PAUSE_MS, ms * (1 + random / 4));

  function end(status: SessionStatus, quarantine: boolean): NextStep {
    return { status, reason, delayMs: null, quarantine, history };
  }
  function retry(status: SessionStatus, delayMs: number, changed: Partial<RetryHistory> = {}): NextStep {
    const next = { ...history, ...changed, attempts: history.attempts + 1 };
    return { status, reason, delayMs, quarantine: false, history: next };
  }
  function backOff(): NextStep {
    const { baseMs, maxMs } = settings;
    const delayMs = nextBackoffMs({ attempt: history.backoffs, random, baseMs, maxMs });
    return retry('RECONNECTING', delayMs, { backoffs: history.backoffs + 1 });
  }
  function replaced(): NextStep {
    const recent = [...history.replacedAtMs.filter((at) => nowMs - at < REPLACED_WITHIN_MS), nowMs];
    if (recent.length < REPLACED_TOO_OFTEN && history.longPauses === 0) {
      return retry('RECONNECTING', REPLACED_PAUSE_MS * (1 + random), { replacedAtMs: recent });
    }
    const doublings = 2 ** Math.min(history.longPauses, MOST_DOUBLINGS);
    return retry('REPLACED', spread(REPLACED_LONG_PAUSE_MS * doublings), {
      replacedAtMs: recent,
      longPauses: history.longPauses + 1,
    });
  }

  switch (close.action) {
    case 'reopen_now':
      if (history.atOnce >= MOST_AT_ONCE) return backOff();
      return retry('RECONNECTING', 0, { atOnce: history.atOnce + 1 });
    case 'back_off':
      return backOff();
    case 'open_failed':
      // It may heal by itself, so it is tried on; but a session must not seem to be connecting for ever.
      return times < (BELIEVED_AT.open_failed ?? 1) ? backOff() : { ...backOff(), status: close.status };
    case 'replaced':
      return replaced();
    case 'confirm_once':
      return times < (BELIEVED_AT.confirm_once ?? 1) ? backOff() : end('LOGGED_OUT', true);
    case 'slow_retry':
      return times < (BELIEVED_AT.slow_retry ?? 1) ? backOff() : retry(close.status, spread(SLOW_RETRY_MS));
    case 'wait_for_expiry':
      return retry(close.status, spread(banLeftMs(params.facts)));
    case 'logged_out':
    case 'wait_for_person':
    case 'stop':
      return end(close.status, close.credentials === 'quarantine');
  }
}

/**
 * The connection is open: attempts count from here. The back-off itself is forgotten only after a stable time
 * (`NO_HISTORY`).
 */
export function afterOpen(history: RetryHistory): RetryHistory {
  return { ...history, attempts: 0, inARow: NO_HISTORY.inARow };
}

/** `<failure reason="402" expire="seconds">`. */
function banLeftMs(facts: CloseFacts): number {
  const expire = (facts.data as { expire?: unknown } | null | undefined)?.expire;
  const seconds = Number(expire);
  const known = expire !== undefined && expire !== '' && Number.isFinite(seconds) && seconds > 0;
  return Math.min(LONGEST_PAUSE_MS, (known ? seconds : BAN_WITHOUT_EXPIRY_S) * 1_000);
}
