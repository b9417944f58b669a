import { describe, expect, it } from 'vitest';
import type { ConnectionProvider, Logger, WaSyncOptions, WhatsAppConnection } from '../src/index.js';
import { createWorld } from './world.js';

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;

/** What a function of a host may do in the place of what was agreed. */
const WAYS = {
  throws: () => {
    throw new Error('of the host');
  },
  rejects: () => Promise.reject(new Error('of the host')),
  hangs: () => new Promise<never>(() => {}),
  answersNonsense: () => ({ odd: 42 }),
} as const;
type Way = keyof typeof WAYS;
type World = ReturnType<typeof createWorld>;

interface Place {
  /** What the replica is made with. */
  options?(bad: () => never, world: World): Partial<WaSyncOptions>;
  /** The methods of the odd session's connection. */
  connection?(bad: () => never): Partial<WhatsAppConnection>;
  /** Has the function called, where nothing else does. */
  call?(made: Awaited<ReturnType<typeof start>>): Promise<void>;
  /** The ways in which a log line names the function. */
  named: string;
  ways: readonly Way[];
}

const ALL = Object.keys(WAYS) as Way[];
/** Nobody waits for these, and what they return is of no interest. */
const UNAWAITED: readonly Way[] = ['throws', 'rejects'];

const PLACES: Readonly<Record<string, Place>> = {
  'inactivity.policy': {
    options: (bad) => ({ inactivity: { policy: bad, shortestInactiveMs: MINUTE } }),
    async call({ world, wa }) {
      await say(wa, world, 'odd');
      await world.clock.advance(3 * MINUTE);
      const report = await world.during(wa.checkInactiveConversations(), 60_000);
      expect(report.totals).toMatchObject({ failed: 1, closed: 0 });
      const [found] = await world.memory.conversations.get({ ids: ['c'] });
      expect(found?.state).toBe('OPEN');
    },
    named: 'inactivity.policy',
    ways: ALL,
  },
  'cleanup.purgeCredentials': {
    options: (bad) => ({ cleanup: { purgeCredentials: bad, settleMs: 0, maxFraction: 1 } }),
    async call({ world, wa }) {
      await world.memory.sessions.create({ sessions: [{ id: 'old', desired: 'stopped' }] });
      await world.clock.advance(1_000);
      for (let days = 0; days < 3; days++) {
        world.clock.jumpWallClock(31 * DAY);
        await world.clock.advance(10_000);
        await world.during(wa.cleanupSessions(), 60_000);
      }
      // Nothing is deleted on a guess.
      expect(await world.memory.sessions.get({ ids: ['old'] })).toHaveLength(1);
    },
    named: 'cleanup.purgeCredentials',
    ways: ['throws', 'rejects', 'hangs'],
  },
  'scheduler.stop': {
    options: (bad) => ({ scheduler: { start: async () => {}, stop: bad } }),
    named: 'scheduler.stop',
    ways: ['throws', 'rejects', 'hangs'],
  },
  'a listener': {
    async call({ wa, odd }) {
      wa.on('session:changed', WAYS.throws);
      odd.script.close('connection_lost');
    },
    named: "on('session:changed')",
    ways: ['throws'],
  },
  'provider.open': {
    options: (bad, world) => ({ provider: oddProvider(world, bad) }),
    async call({ world, wa }) {
      // Claimed in one go: the odd one comes first.
      await world.memory.sessions.create({
        sessions: ['a-odd', 'b-fine'].map((id) => ({ id, desired: 'running' as const })),
      });
      await world.clock.advance(10_000);
      expect((await world.row('b-fine')).status).toBe('CONNECTING');
      // The error reaches who asked for it.
      await world.memory.sessions.create({ sessions: [{ id: 'c-odd', desired: 'running' }] });
      await expect(world.during(wa.sessions.start('c-odd'), 1_000)).rejects.toThrow(
        /of the host|must return a connection/,
      );
    },
    named: 'provider.open',
    ways: ALL,
  },
  snapshot: { connection: (bad) => ({ snapshot: bad }), named: '', ways: ALL },
  probe: {
    connection: (bad) => ({ probe: bad }),
    async call({ world, odd }) {
      odd.script.goSilent();
      await world.clock.advance(2 * MINUTE);
      // Unknown is not dead.
      expect((await world.row('odd')).status).toBe('CONNECTED');
    },
    named: '',
    ways: ALL,
  },
  onChange: { connection: (bad) => ({ onChange: bad }), named: 'connection.onChange', ways: UNAWAITED },
  'the end of onChange': {
    connection: (bad) => ({ onChange: () => bad }),
    call: ({ world, wa }) => world.during(wa.stop(), 2_000),
    named: 'connection.onChange',
    ways: UNAWAITED,
  },
  onMessages: { connection: (bad) => ({ onMessages: bad }), named: 'connection.onMessages', ways: UNAWAITED },
  messagesDelivered: {
    options: () => ({ inactivity: { farewell: 'Adeus', inactiveAfterMs: MINUTE } }),
    connection: (bad) => ({ messagesDelivered: bad }),
    async call({ world, wa, odd }) {
      await say(wa, world, 'odd');
      await world.clock.advance(3 * MINUTE);
      await world.during(wa.checkInactiveConversations(), 60_000);
      // The contact may have written meanwhile.
      expect(odd.script.sent).toEqual([]);
    },
    named: 'connection.messagesDelivered',
    ways: ['throws', 'rejects', 'hangs'],
  },
  sendText: {
    options: () => ({ inactivity: { farewell: 'Adeus', inactiveAfterMs: MINUTE } }),
    connection: (bad) => ({ sendText: bad }),
    async call({ world, wa }) {
      await say(wa, world, 'odd');
      await world.clock.advance(3 * MINUTE);
      await world.during(wa.checkInactiveConversations(), 120_000);
      const [found] = await world.memory.conversations.get({ ids: ['c'] });
      expect(found?.outgoing?.delivery).toBe('unknown');
    },
    named: '',
    ways: ALL,
  },
  heal: {
    connection: (bad) => ({ heal: bad }),
    async call({ world, odd }) {
      odd.script.goSilent();
      await world.clock.advance(120_000);
      expect((await world.row('odd')).status).toBe('RECONNECTING');
    },
    named: '',
    ways: ALL,
  },
  close: {
    connection: (bad) => ({ close: bad }),
    call: ({ world, wa }) => world.during(wa.stop(), 2_000),
    named: 'connection.close',
    ways: UNAWAITED,
  },
};

function oddProvider(world: World, bad: () => never): ConnectionProvider {
  const provider = world.provider();
  return { ...provider, open: (params) => (params.sessionId.includes('odd') ? bad() : provider.open(params)) };
}

async function say(wa: Awaited<ReturnType<typeof start>>['wa'], world: World, sessionId: string): Promise<void> {
  const at = world.clock.now();
  await wa.recordMessage({ conversationId: 'c', sessionId, from: 'contact', at, chat: 'c@s.whatsapp.net' });
}

/** A replica with an odd session and one that has nothing to do with it. */
async function start(place: Place, way: Way) {
  const world = createWorld();
  const bad = WAYS[way] as () => never;
  const off = { sync: '* * * * *', cleanup: false, inactivity: false } as const;
  const { wa } = world.replica({ jobs: off, replicaId: 'one', ...place.options?.(bad, world) });
  await world.during(wa.start(), 1_000);
  const odd = world.connection('odd');
  const fine = world.connection('fine');
  wa.attach({ ...odd, ...place.connection?.(bad) });
  await world.during(wa.attach(fine).ready, 1_000);
  return { world, wa, odd, fine };
}

const cases = Object.entries(PLACES).flatMap(([place, { ways }]) => ways.map((way) => [place, way] as const));

describe('a function of the host', () => {
  it.each(cases)('%s that %s harms nothing else', async (name, way) => {
    const place = PLACES[name]!;
    const made = await start(place, way);
    const { world, wa, fine } = made;
    await place.call?.(made);
    if (!wa.stopping.aborted) {
      fine.script.close('connection_lost');
      await world.clock.advance(2_000);
      expect((await world.row('fine')).status).toBe('RECONNECTING');
      fine.script.open();
      await world.clock.advance(70_000);
      expect((await world.row('fine')).status).toBe('CONNECTED');
      await world.during(wa.stop(), 2_000);
    }
    for (const id of ['odd', 'fine']) expect((await world.row(id)).owner).toBeNull();
    const lines = world.logged.filter(({ fields }) => fields.function === place.named);
    if (place.named !== '') expect(lines.length).toBeGreaterThan(0);
    expect(world.logged.filter(({ level }) => level === 'error').length).toBeLessThan(20);
  });
});

describe('a logger of the host', () => {
  it.each(['throws', 'rejects', 'hangs'] as const)('that %s at each line ends nothing', async (way) => {
    const bad = WAYS[way] as () => never;
    const logger: Logger = { debug: bad, info: bad, warn: bad, error: bad };
    const { world, wa, odd, fine } = await start({ options: () => ({ logger }), named: '', ways: [] }, way);
    world.broken.calls.add('write');
    odd.script.close('connection_lost');
    fine.script.close('connection_lost');
    await world.clock.advance(20_000);
    await world.fix();
    await world.clock.advance(20_000);
    for (const id of ['odd', 'fine']) expect((await world.row(id)).status).toBe('RECONNECTING');
    await world.during(wa.stop(), 2_000);
    expect((await world.row('fine')).owner).toBeNull();
  });
});

describe('a scheduler of the host', () => {
  it.each(['throws', 'rejects', 'hangs'] as const)('whose start %s keeps the replica from starting', async (way) => {
    const world = createWorld();
    const scheduler = { start: WAYS[way] as () => Promise<void>, stop: async () => {} };
    const { wa } = world.replica({ scheduler });
    await expect(world.during(wa.start(), 40_000)).rejects.toThrow(way === 'hangs' ? 'did not settle' : 'of the host');
    await world.during(wa.stop(), 2_000);
  });
});
