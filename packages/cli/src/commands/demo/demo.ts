import { createMemoryStore, createWaSync, type SessionStatus, type StoredSession, silentLogger } from '@wa-sync/core';
import { CliError, EXIT, type ExitCode } from '../../terminal/cli-error.js';
import type { CommandContext } from '../command.js';
import { createScriptedPhone } from './scripted-phone.js';

/** Shorter than the defaults, so that the story is over soon. */
const SETTINGS = { probe: { silenceMs: 1_000, timeoutMs: 500 }, lease: { ttlMs: 3_000, tickMs: 500 } } as const;
/** Nothing in the story may take longer. */
const PATIENCE_MS = 20_000;

/** `wa-sync demo`: the main job on the memory store, with connections that are played. */
export async function demo({ output }: CommandContext): Promise<ExitCode> {
  const store = createMemoryStore();
  const wa = createWaSync({
    ...SETTINGS,
    store,
    logger: silentLogger,
    jobs: { sync: false, cleanup: false, inactivity: false },
  });
  const sales = createScriptedPhone('sales');
  const billing = createScriptedPhone('billing');
  const phones = [sales, createScriptedPhone('support'), billing];
  const startedMs = performance.now();
  const timeline: { atMs: number; what: string }[] = [];

  function say(what: string): void {
    const atMs = Math.round(performance.now() - startedMs);
    timeline.push({ atMs, what });
    output.line(`${output.paint('dim', `${(atMs / 1_000).toFixed(1).padStart(5)} s`)}  ${what}`);
  }

  async function rowOf(id: string): Promise<StoredSession> {
    const [row] = await store.sessions.get({ ids: [id] });
    if (!row) throw new CliError('internal_error', `The row of ${id} is gone`);
    return row;
  }

  /** Runs `act` and settles when the row says `status`; returns the seconds that took. */
  async function until(id: string, status: SessionStatus, act: () => unknown): Promise<string> {
    const fromMs = performance.now();
    // The timer also keeps the process alive: those of a replica never do.
    let timer: NodeJS.Timeout | undefined;
    let stop = () => {};
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => reject(new CliError('demo_failed', `${id} never became ${status}`)), PATIENCE_MS);
        stop = wa.on('session:changed', (event) => {
          if (event.sessionId === id && event.to === status) resolve();
        });
        act();
      });
    } finally {
      stop();
      clearTimeout(timer);
    }
    return `${((performance.now() - fromMs) / 1_000).toFixed(1)} s`;
  }

  output.line('Three sessions in memory, with played connections. No phone, no database, no network.');
  output.line(
    `Shortened for the story: a silent connection is probed after 1 s (default 20 s), an answer may take 0.5 s (5 s).\n`,
  );
  await wa.start();
  try {
    for (const { sessionId } of phones) await wa.sessions.create({ id: sessionId });
    for (const phone of phones) await wa.attach(phone).ready;
    await wa.syncNow();
    say('Three sessions are connected, and their rows say CONNECTED');

    say('The link of sales dies without a word; its own connection still believes in it');
    const found = until('sales', 'RECONNECTING', () => sales.goSilent());
    say(`The row of sales says ${(await rowOf('sales')).status}: that is the lie`);
    const back = until('sales', 'CONNECTED', () => {});
    back.catch(() => {});
    say(`Found after ${await found}: the row says RECONNECTING, and the link is ended so that it comes back`);
    await back;
    say('It is back: the row says CONNECTED');

    await writeByHand(await rowOf('support'));
    say(`Somebody writes into the row of support: ${(await rowOf('support')).status}`);
    const { sessions } = await wa.syncNow('support');
    say(`wa-sync sync: was ${sessions[0]?.stored}, is ${sessions[0]?.actual}, ${sessions[0]?.action}`);

    say('The phone logs billing out');
    say(`The row says LOGGED_OUT after ${await until('billing', 'LOGGED_OUT', () => billing.logOutOnPhone())}`);
    const equal = await compare();
    output.document({ timeline, sessions: equal, inSync: equal.every(({ stored, truth }) => stored === truth) });
    output.line();
    output.table(
      ['session', 'row', 'truth'],
      equal.map(({ id, stored, truth }) => [id, stored, truth]),
    );
    const same = equal.every(({ stored, truth }) => stored === truth);
    output.line(same ? output.paint('green', 'Every row is true') : output.paint('red', 'A row is not true'));
    return same ? EXIT.fine : EXIT.error;
  } finally {
    await wa.stop();
    for (const phone of phones) await phone.close({ reason: 'over' });
  }

  async function compare(): Promise<{ id: string; stored: SessionStatus; truth: SessionStatus }[]> {
    return Promise.all(
      phones.map(async (phone) => ({
        id: phone.sessionId,
        stored: (await rowOf(phone.sessionId)).status,
        truth: phone.truth(),
      })),
    );
  }

  /** Under the owner's own guard: the memory store has no other way in, as a hand in the database would. */
  async function writeByHand({ id, owner, tenure, version, health, phone }: StoredSession): Promise<void> {
    if (owner === null || tenure === null) throw new CliError('demo_failed', `Nobody holds ${id}`);
    const set = {
      status: 'DISCONNECTED',
      health,
      phone,
      reason: null,
      reconnectAttempt: 0,
      qr: null,
      seenAgoMs: null,
    } as const;
    await store.sessions.write({ owner, writes: [{ id, tenure, version, writeId: 'by-hand', set }] });
  }
}
