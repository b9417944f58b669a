import { describe, expect, it } from 'vitest';
import { startProvider, startServer, untilStatus } from './kit.js';

const SESSIONS = 8;
const FAULTS = 80;

/** A small generator with a seed, so that a failure can be played again. Source: Mulberry32, T. Ettinger, 2017. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const seed = Number(process.env.WA_SYNC_SEED ?? Math.floor(Math.random() * 1e9));

describe('random faults', () => {
  it(`end in the server's own view of who is connected (WA_SYNC_SEED=${seed})`, { timeout: 60_000 }, async () => {
    const server = await startServer();
    const host = await startProvider(server, {
      attemptTimeoutMs: 1_500,
      backoff: { baseMs: 5, maxMs: 50, replacedPauseMs: 5, replacedLongPauseMs: 100 },
    });
    const chance = seeded(seed);
    const sessions = await Promise.all(
      Array.from({ length: SESSIONS }, (_, n) => host.addSession(`s${n}`, `551191111100${n}`)),
    );
    const connections = sessions.map((session) => host.open(session));
    await Promise.all(connections.map((connection) => untilStatus(connection, 'CONNECTED')));

    for (let fault = 0; fault < FAULTS; fault++) {
      const n = Math.floor(chance() * SESSIONS);
      const device = server.session(sessions[n]!.jid);
      const connection = connections[n]!;
      const kinds: (() => void | Promise<void>)[] = [
        () => device.rst(),
        () => device.fin(),
        () => device.rstMidFrame(),
        () => device.sendGarbage(),
        () => device.closeWebSocket(1011),
        () => device.streamError(503),
        () => device.streamError(515),
        () => device.streamError({ conflict: 'replaced' }),
        () => device.xmlStreamEnd(),
        () => device.failNextLogin(500),
        () => device.planNextLogin({ silentAfter: 'success' }),
        () => device.planNextLogin({ silentAfter: 'handshake' }),
        () => server.planNextConnection({ refuseUpgrade: 503 }),
        async () => {
          device.goSilent();
          if ((await connection.probe({ timeoutMs: 150 })) === 'timeout') await connection.heal({ reason: 'silent' });
        },
        () => connection.heal({ reason: 'silent' }),
        () => connection.heal({ reason: 'silent' }),
      ];
      try {
        await kinds[Math.floor(chance() * kinds.length)]?.();
      } catch (error) {
        // The server refuses a fault where there is nothing to break just now.
        if (!/no open connection|connection \d+ is/.test(String(error))) throw error;
      }
    }

    server.clearPlans();
    for (const session of sessions) server.session(session.jid).clearPlans();
    // What is silent without its client knowing is found by the engine's probes; here by one of them for each.
    await Promise.all(
      connections.map(async (connection) => {
        await untilStatus(connection, 'CONNECTED', { timeoutMs: 30_000 });
        if ((await connection.probe({ timeoutMs: 3_000 })) !== 'answered') await connection.heal({ reason: 'silent' });
        await untilStatus(connection, 'CONNECTED', { timeoutMs: 30_000 });
      }),
    );
    expect(server.connected().sort()).toEqual(sessions.map(({ jid }) => jid).sort());
  });
});
