import { silentLogger, systemClock } from '@wa-sync/core';
import { createMemoryAuthState } from '@wa-sync/fake-whatsapp';
import { initAuthCreds } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { HeldCredentials } from '../src/session/hold-credentials.js';

/** Credentials in memory whose store notes each call, and fails as often as it is asked to. */
function held(options: { failures?: number; onFailure?: () => void } = {}) {
  const calls: string[] = [];
  const stopper = new AbortController();
  const fencer = new AbortController();
  let failuresLeft = options.failures ?? 0;

  async function call(what: string): Promise<void> {
    calls.push(what);
    if (failuresLeft === 0) return;
    failuresLeft -= 1;
    options.onFailure?.();
    throw new Error('the store is away');
  }

  const credentials = new HeldCredentials(
    {
      sessionId: 'a',
      tenure: 't',
      phone: null,
      fenced: fencer.signal,
      stopping: stopper.signal,
      onFailing() {},
    },
    {
      auth: async () => {
        calls.push('open');
        return {
          state: createMemoryAuthState(initAuthCreds()),
          saveCreds: () => call('save'),
          quarantine: (reason) => call(`put aside: ${reason}`),
        };
      },
      authTimeoutMs: 1_000,
      backoff: { baseMs: 1, maxMs: 1 },
      clock: systemClock,
      logger: silentLogger,
    },
  );
  return { credentials, calls, stopper, fencer };
}

describe('HeldCredentials', () => {
  it('opens them once for all sockets', async () => {
    const { credentials, calls } = held();
    const first = await credentials.readyForLogin();
    expect(await credentials.readyForLogin()).toBe(first);
    expect(calls).toEqual(['open']);
  });

  it('writes nothing any more of what was quarantined, and opens anew for the next login', async () => {
    const { credentials, calls } = held();
    const old = await credentials.readyForLogin();
    await credentials.quarantine('logged_out');
    old.saveSoon();
    await old.flush();
    expect(calls).toEqual(['open', 'put aside: logged_out']);
    expect(await credentials.readyForLogin()).not.toBe(old);
    expect(calls.at(-1)).toBe('open');
  });

  it('puts them aside as soon as the store lets it, and gives up only at the stop', async () => {
    const failing = held({ failures: 3 });
    await failing.credentials.readyForLogin();
    await failing.credentials.quarantine('logged_out');
    expect(failing.calls.filter((call) => call !== 'open')).toHaveLength(4);

    const stopped = held({ failures: Number.POSITIVE_INFINITY, onFailure: () => stopped.stopper.abort() });
    await stopped.credentials.readyForLogin();
    await stopped.credentials.quarantine('logged_out');
    expect(stopped.calls.filter((call) => call !== 'open')).toHaveLength(1);
  });

  it('stores the rest at the stop', async () => {
    const { credentials, calls } = held({ failures: 1 });
    const own = await credentials.readyForLogin();
    own.saveSoon();
    await own.flush().catch(() => {});
    await credentials.storeTheRest();
    expect(calls).toEqual(['open', 'save', 'save']);
    credentials.retire();
  });

  it('stores nothing once the claim is lost, at the stop neither', async () => {
    const { credentials, calls, fencer } = held({ failures: 1 });
    const own = await credentials.readyForLogin();
    own.saveSoon();
    await own.flush().catch(() => {});
    fencer.abort();
    await credentials.storeTheRest();
    own.saveSoon();
    await own.flush();
    expect(calls).toEqual(['open', 'save']);
    credentials.retire();
  });
});
