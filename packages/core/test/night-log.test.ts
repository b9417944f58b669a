import { describe, expect, it } from 'vitest';
import { EVENT_NAMES } from '../src/index.js';
import { cleaning, off } from './cleaning.js';
import { HOUR, MINUTE, talking } from './talking.js';
import { createWorld } from './world.js';

interface Line {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

const lines = (logged: readonly Line[], begins: string) => logged.filter(({ message }) => message.startsWith(begins));

async function holding() {
  const world = createWorld();
  const made = world.replica({ ...off, replicaId: 'one' });
  await world.during(made.wa.start(), 0);
  const socket = world.connection('shop-5511999990000');
  const handle = made.wa.attach(socket);
  await world.during(handle.ready, 0);
  return { ...world, ...made, socket, handle };
}

describe('the log at night', () => {
  it('logs each correction: what was stored, what is true, and why; never a whole number in its words', async () => {
    const { socket, clock, logged, row, memory, during, wa } = await holding();
    const id = 'shop-5511999990000';
    socket.script.close({ code: 'connection_lost', detail: 'timeout' });
    await clock.advance(1_000);
    expect(lines(logged, 'Syncing session').at(-1)).toMatchObject({
      level: 'info',
      fields: {
        sessionId: 'shop-…0000',
        stored: 'CONNECTED',
        actual: 'RECONNECTING',
        reason: 'connection_lost',
        trigger: 'event',
      },
      message: 'Syncing session shop-…0000: marking as RECONNECTING (was CONNECTED): connection_lost',
    });
    const { owner, tenure, version } = await row(id);
    const set = {
      status: 'CONNECTED',
      health: 'healthy',
      reason: null,
      reconnectAttempt: 0,
      phone: null,
      qr: null,
    } as const;
    const write = { id, tenure: tenure ?? '', version, writeId: 'w', set: { ...set, seenAgoMs: null } };
    await memory.sessions.write({ owner: owner ?? '', writes: [write] });
    await during(wa.syncNow(id), 1_000);
    expect(lines(logged, 'Syncing session').at(-1)).toMatchObject({
      fields: { stored: 'CONNECTED', actual: 'RECONNECTING', trigger: 'sync' },
    });
    expect(JSON.stringify(logged.map(({ message }) => message))).not.toMatch(/\d{7}/);
  });

  it('logs probes that fail, and that a link is healed', async () => {
    const { socket, clock, logged } = await holding();
    socket.script.goSilent();
    await clock.advance(35_000);
    const failures = logged.filter(({ fields }) => fields.code === 'probe_timeout');
    expect(failures.map(({ level, fields }) => [level, fields.failures, fields.timeoutMs])).toEqual([
      ['warn', 1, 5_000],
      ['warn', 2, 5_000],
    ]);
    expect(lines(logged, 'Syncing session').at(-1)).toMatchObject({ fields: { reason: 'silent' } });
  });

  it('logs a session that is released, and that all of them were at the end', async () => {
    const { handle, during, logged, events, wa, attachAgain } = await (async () => {
      const world = await holding();
      return { ...world, attachAgain: () => world.wa.attach(world.connection('again')).ready };
    })();
    await during(handle.detach(), 0);
    expect(lines(logged, 'Syncing session').at(-1)).toMatchObject({
      fields: { stored: 'CONNECTED', actual: 'DISCONNECTED', reason: 'detached' },
    });
    const changed = (to: string) =>
      events
        .filter(({ name }) => name === 'session:changed')
        .map(({ payload }) => payload as Record<string, unknown>)
        .filter((payload) => payload.to === to);
    const gone = { from: 'CONNECTED', to: 'DISCONNECTED', health: 'healthy', evidence: 'unobserved' };
    expect(changed('DISCONNECTED')).toMatchObject([{ ...gone, reason: { code: 'detached' } }]);
    await during(attachAgain(), 0);
    await during(wa.stop(), 1_200);
    expect(changed('DISCONNECTED')).toMatchObject([
      { ...gone, reason: { code: 'detached' } },
      { ...gone, sessionId: 'again', reason: { code: 'shutdown' } },
    ]);
    expect(lines(logged, 'Stopped')).toMatchObject([{ level: 'info', fields: { sessions: 1 } }]);
  });

  it('logs sessions that are cleaned, and the job that did it', async () => {
    const { add, startAfter, daysLater, clean, logged } = await cleaning({ cleanup: { maxFraction: 1 } });
    const [id] = await add(2);
    await startAfter(0);
    daysLater(31);
    await clean();
    expect(logged.filter(({ fields }) => fields.stage === 'deactivate' && fields.sessionId === id)).toMatchObject([
      { level: 'info', fields: { status: 'DISCONNECTED', days: 31 } },
    ]);
    expect(lines(logged, 'Starting manual session cleanup')).toHaveLength(1);
    expect(lines(logged, 'Manual session cleanup completed')).toMatchObject([
      { level: 'info', fields: { job: 'cleanup', deactivated: 2, tookMs: expect.any(Number) } },
    ]);
  });

  it('logs conversations that are closed, with what became of the farewell', async () => {
    const { say, inactive, check, logged } = await talking();
    await say();
    await inactive(2 * HOUR);
    await check();
    await inactive(MINUTE);
    expect(lines(logged, 'Conversation c').map(({ message }) => message)).toEqual([
      'Conversation c: closing after 2 h of silence',
      'Conversation c: farewell sent',
    ]);
  });

  it('logs scheduled syncs in lines that a person reads', async () => {
    const world = createWorld();
    const { wa } = world.replica({ jobs: { sync: '* * * * *', cleanup: false, inactivity: false } });
    await world.during(wa.start(), 70_000);
    const told = world.logged.filter(({ fields }) => fields.job === 'sync').map(({ message }) => message);
    expect(told.slice(0, 2)).toEqual([
      'Starting scheduled session status sync',
      'Scheduled session status sync completed',
    ]);
  });
});

describe('the events', () => {
  it('each carry an instant of this replica', async () => {
    const { wa, socket, clock, during } = await holding();
    const seen: { name: string; payload: { at?: unknown } }[] = [];
    for (const name of EVENT_NAMES) wa.on(name, (payload) => void seen.push({ name, payload }));
    socket.script.set({ health: 'degraded', reason: { code: 'slow' }, restartRequested: { code: 'handlers_stalled' } });
    await clock.advance(1_000);
    await during(wa.runJob('inactivity'), 1_000);
    await during(wa.stop(), 1_200);
    expect([...new Set(seen.map(({ name }) => name))]).toEqual(
      expect.arrayContaining(['session:changed', 'session:health', 'session:restart-requested', 'job:finished']),
    );
    expect(seen.find(({ name }) => name === 'session:health')?.payload).toEqual({
      sessionId: 'shop-5511999990000',
      at: expect.any(Date),
      health: 'degraded',
      reason: { code: 'slow' },
    });
    expect(seen.every(({ payload }) => payload.at instanceof Date)).toBe(true);
  });
});
