import type { PairingStep } from '../../api/wa-sync.js';
import { WaSyncError } from '../../domain/errors.js';
import { maskNumbers } from '../../domain/safe-text.js';
import type { KnownObservation, Observation } from '../../domain/session.js';
import type { Config } from '../../options/config.js';
import type { WhatsAppConnection } from '../../ports/connection.js';
import { untilAborted } from '../limits/limit-calls.js';
import { requestPairingCode } from '../owned-sessions/close-connection.js';
import type { Held } from '../owned-sessions/held-sessions.js';
import { readSnapshot } from '../owned-sessions/observe.js';

/** Statuses from which a pairing does not recover by itself. */
const OVER = new Set(['DISCONNECTED', 'LOGGED_OUT', 'ERROR', 'REPLACED']);

/**
 * Links a session: opens it and yields what the person has to scan or type in, until it is `CONNECTED`. Leaving the
 * loop takes the one listener away; the session goes on, as after `start`.
 */
export function createPairSession(deps: {
  config: Pick<Config, 'provider' | 'clock'>;
  /** Makes the session run here; `null` where another replica has it. */
  run(id: string): Promise<Held | null>;
}) {
  const { clock } = deps.config;

  return async function* pair(
    id: string,
    options: { phone?: string | undefined; signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<PairingStep, void, void> {
    const { signal } = options;
    const phone = options.phone === undefined ? null : digitsOf(options.phone);
    const connection = await open(id, phone !== null);
    const changes = createChanges(connection, signal);
    let last = '';
    try {
      while (!signal?.aborted) {
        const seen = known(readSnapshot(connection));
        if (seen?.status === 'CONNECTED') return;
        if (seen && OVER.has(seen.status)) throw failure(id, seen);
        const step =
          seen?.status === 'QR_CODE' && seen.qr !== null ? await stepOf(connection, seen, { phone, signal }) : null;
        const shown = step === null ? '' : 'code' in step ? step.code : step.qr;
        if (step === null || shown === last) await changes.next();
        else {
          last = shown;
          yield step;
        }
      }
    } finally {
      changes.stop();
    }
  };

  async function stepOf(
    connection: WhatsAppConnection,
    { qr, qrExpiresAt }: KnownObservation,
    { phone, signal }: { phone: string | null; signal: AbortSignal | undefined },
  ): Promise<PairingStep | null> {
    if (phone === null) return { qr: qr ?? '', expiresAt: qrExpiresAt ?? null };
    const until = untilAborted(...(signal ? [signal] : []));
    try {
      return await requestPairingCode({ connection, phone, clock, until });
    } catch (error) {
      // The socket ended during the question: ask its successor.
      if (known(readSnapshot(connection))?.status !== 'QR_CODE') return null;
      throw error;
    }
  }

  async function open(id: string, byCode: boolean): Promise<WhatsAppConnection> {
    if (!deps.config.provider) throw new WaSyncError('no_provider', 'Only sessions of a provider are paired here');
    const held = await deps.run(id);
    const named = `Session ${maskNumbers(id)}`;
    if (held === null) {
      throw new WaSyncError('pairing_failed', `${named} could not be opened: another replica has it`, {
        retryable: true,
      });
    }
    if (held.mode === 'attached') {
      throw new WaSyncError('not_supported', `${named} has a socket of the host, whose own loop shows its QR code`);
    }
    if (byCode && !held.connection.requestPairingCode) {
      throw new WaSyncError('not_supported', 'This provider does not know pairing codes');
    }
    return held.connection;
  }
}

function failure(id: string, { status, reason }: KnownObservation): WaSyncError {
  const named = `Session ${maskNumbers(id)}`;
  if (reason?.code === 'qr_expired') {
    return new WaSyncError('qr_expired', `${named}: nobody linked it in time`, { retryable: true });
  }
  const why = reason === null ? status : `${status}, ${reason.code}${reason.detail ? `: ${reason.detail}` : ''}`;
  return new WaSyncError('pairing_failed', `${named} was not linked (${why})`);
}

/** Notified by the connection; a change between two waits is not missed. */
function createChanges(connection: WhatsAppConnection, signal: AbortSignal | undefined) {
  let changed = false;
  let notify = () => {};
  const note = () => {
    changed = true;
    notify();
  };
  const off = connection.onChange(note);
  signal?.addEventListener('abort', note, { once: true });
  return {
    async next(): Promise<void> {
      if (!changed) {
        await new Promise<void>((resolve) => {
          notify = resolve;
        });
      }
      changed = false;
    },
    stop(): void {
      off();
      signal?.removeEventListener('abort', note);
    },
  };
}

function known(seen: Observation): KnownObservation | null {
  return seen.kind === 'known' ? seen : null;
}

/** Country and area code, however it was written. */
function digitsOf(phone: string): string {
  const digits = typeof phone === 'string' ? phone.replace(/[\s()+.-]/g, '') : '';
  if (!/^\d{7,15}$/.test(digits)) {
    throw new WaSyncError('config_invalid', 'phone takes the number with its country code: 7 to 15 digits');
  }
  return digits;
}
