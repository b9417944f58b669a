import { type Observation, SESSION_STATUSES, type WhatsAppConnection } from '@wa-sync/core';
import { expect } from './expect.js';
import type { TestRunner } from './test-runner.js';
import { skipTest } from './test-runner.js';

/** A connection that is open and says `CONNECTED`, and the other side of its link. */
export interface ConnectionHarness {
  readonly connection: WhatsAppConnection;
  readonly sessionId: string;
  /** The other side ends the link. Need not wait until the connection has heard of it. */
  dropLink(): Promise<void>;
  /** The other side stops answering and sending, without closing the link. */
  goSilent(): Promise<void>;
  /** The other side sends something; settles when it has arrived. */
  sendFrame(): Promise<void>;
  /** Moves time, where the connection runs on a manual clock. */
  advance?(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** What the suite needs to know of a kind of connection. */
export interface ConnectionSuite {
  readonly name: string;
  /** The functions of the test runner, such as `{ describe, it }` of vitest, jest or node:test. */
  readonly runner: TestRunner;
  create(): Promise<ConnectionHarness>;
  /** Whether `heal` ends a dead link; false for one that only reports. @defaultValue true */
  readonly heals?: boolean | undefined;
}

const TIMEOUT_MS = 300;
const PROBE_ANSWERS = ['answered', 'timeout', 'unavailable'];

/** Waits, notified by the connection's own changes, until it says what is asked for. */
async function until(
  connection: WhatsAppConnection,
  holds: (observation: Observation) => boolean,
): Promise<Observation> {
  for (;;) {
    const changed = new Promise<void>((resolve) => {
      const stop = connection.onChange(() => {
        stop();
        resolve();
      });
    });
    const observation = connection.snapshot();
    if (holds(observation)) return observation;
    await changed;
  }
}

const isDown = (observation: Observation): boolean =>
  observation.kind === 'known' && observation.status !== 'CONNECTED';

function expectWellFormed(observation: Observation): void {
  if (observation.kind === 'unknown') {
    expect(observation.why).toMatch(/^[a-z0-9_]+$/);
    return;
  }
  const { status, health, reason, reconnectAttempt, phone, qr, silentForMs } = observation;
  expect(SESSION_STATUSES).toContain(status);
  expect(['healthy', 'degraded']).toContain(health);
  if (reason !== null) expect(reason.code).toMatch(/^[a-z0-9_]+$/);
  expect(Number.isInteger(reconnectAttempt) && reconnectAttempt >= 0).toBe(true);
  if (phone !== null) expect(phone).toMatch(/^\d+$/);
  if (status !== 'QR_CODE') expect(qr).toBeNull();
  if (silentForMs !== null) expect(silentForMs).toBeGreaterThanOrEqual(0);
}

/**
 * Declares the tests of a `WhatsAppConnection`, each on a fresh one that is open.
 *
 * @example
 * describeConnection({ name: 'scripted', create: async () => ({ connection, sessionId, dropLink, goSilent, sendFrame,
 * close }) });
 */
export function describeConnection(suite: ConnectionSuite): void {
  const { describe, it } = suite.runner;
  const { create, heals = true } = suite;
  const test = (title: string, run: (harness: ConnectionHarness) => Promise<void>): void => {
    it(title, async () => {
      const harness = await create();
      try {
        await run(harness);
      } finally {
        await harness.close();
      }
    });
  };
  const probe = async ({ connection, advance }: ConnectionHarness): Promise<string> => {
    const answer = connection.probe({ timeoutMs: TIMEOUT_MS });
    await advance?.(TIMEOUT_MS);
    return answer;
  };

  describe(`${suite.name}: connection`, () => {
    test('names its session and says that it is open', async ({ connection, sessionId }) => {
      expect(connection.sessionId).toBe(sessionId);
      const observation = connection.snapshot();
      expectWellFormed(observation);
      expect(observation).toMatchObject({ kind: 'known', status: 'CONNECTED', reconnectAttempt: 0 });
    });

    test('may be read any number of times without notifying anybody of a change', async ({ connection }) => {
      let notified = 0;
      connection.onChange(() => {
        notified += 1;
      });
      for (let count = 0; count < 1_000; count += 1) connection.snapshot();
      expect(notified).toBe(0);
    });

    test('answers a probe over a living link, and several at once', async (harness) => {
      expect(await probe(harness)).toBe('answered');
      expect(await Promise.all([probe(harness), harness.connection.probe({ timeoutMs: TIMEOUT_MS })])).toEqual([
        'answered',
        'answered',
      ]);
    });

    test('knows how long nothing has arrived', async (harness) => {
      await harness.sendFrame();
      const observation = harness.connection.snapshot();
      expectWellFormed(observation);
      expect(observation.kind === 'known' ? observation.silentForMs : null).toBeLessThan(10_000);
      await harness.advance?.(5_000);
      const later = harness.connection.snapshot();
      const expected = harness.advance === undefined ? 0 : 5_000;
      expect(later.kind === 'known' ? later.silentForMs : null).toBeGreaterThanOrEqual(expected);
    });

    test('lets a probe run into its timeout over a link that fell silent', async (harness) => {
      await harness.goSilent();
      expectWellFormed(harness.connection.snapshot());
      const startedAtMs = performance.now();
      expect(await probe(harness)).toBe('timeout');
      // Generous, for a busy machine; what it rules out is an adapter that waits for its own, longer time-out.
      expect(performance.now() - startedAtMs).toBeLessThan(TIMEOUT_MS + 5_000);
      expectWellFormed(harness.connection.snapshot());
    });

    test('reports that the link ended, why, and no longer answers probes over it', async (harness) => {
      const down = until(harness.connection, isDown);
      await harness.dropLink();
      const observation = await down;
      expectWellFormed(observation);
      expect(observation.kind === 'known' && observation.reason).not.toBeNull();
      expect(['timeout', 'unavailable']).toContain(await probe(harness));
    });

    test('notifies every listener but those that stopped', async (harness) => {
      const notified = { first: 0, stopped: 0 };
      harness.connection.onChange(() => {
        notified.first += 1;
      });
      const stop = harness.connection.onChange(() => {
        notified.stopped += 1;
      });
      stop();
      stop();
      const down = until(harness.connection, isDown);
      await harness.dropLink();
      await down;
      expect(notified.first).toBeGreaterThan(0);
      expect(notified.stopped).toBe(0);
    });

    const healing = 'heal ends a dead link, so that its repair can begin';
    if (!heals) skipTest(suite.runner, healing, 'this connection only reports');
    else {
      test(healing, async ({ connection, goSilent }) => {
        await goSilent();
        const down = until(connection, isDown);
        await connection.heal({ reason: 'probe_timeout' });
        expectWellFormed(await down);
      });
    }

    test('heal settles after the link ended, and after close', async ({ connection, dropLink }) => {
      const down = until(connection, isDown);
      await dropLink();
      await down;
      await connection.heal({ reason: 'probe_timeout' });
      await connection.close({ reason: 'shutdown' });
      await connection.heal({ reason: 'probe_timeout' });
      expectWellFormed(connection.snapshot());
    });

    test('closed drops its listeners, may be closed again, and throws nowhere', async (harness) => {
      const { connection } = harness;
      let notified = 0;
      connection.onChange(() => {
        notified += 1;
      });
      await connection.close({ reason: 'shutdown' });
      // What the close itself changed may have been reported before the listeners were dropped.
      const notifiedByClose = notified;
      await harness.dropLink();
      await connection.close({ reason: 'shutdown' });
      expectWellFormed(connection.snapshot());
      expect(PROBE_ANSWERS).toContain(await probe(harness));
      expect(notified).toBe(notifiedByClose);
    });
  });
}
