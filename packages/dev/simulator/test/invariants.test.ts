import type { ConversationRecord, StoredSession, Transition } from '@wa-sync/core';
import { describe, expect, it } from 'vitest';
import { type HistoryEntry, judgeHistory, type WorldSettings } from '../index.js';

const START_MS = Date.parse('2025-11-02T04:00:00Z');
const settings: WorldSettings = {
  seed: 0,
  ttlMs: 30_000,
  tickMs: 5_000,
  probeTimeoutMs: 5_000,
  silenceMs: 20_000,
  failures: 2,
  storeLimitMs: 10_000,
  timeZone: 'UTC',
  daily: null,
  inactiveAfterMs: 60_000,
  storeStartMs: START_MS,
  afterDays: 3,
  purgeAfterDays: 6,
  calmFromMs: 300_000,
  endMs: 500_000,
  rollbacks: false,
};

function row(change: Partial<StoredSession> = {}): StoredSession {
  const status = change.status ?? 'CONNECTED';
  return {
    id: 's',
    status,
    health: 'healthy',
    reason: null,
    reconnectAttempt: 0,
    phone: null,
    qr: null,
    evidence: 'observed',
    desired: 'running',
    active: true,
    owner: 'a',
    tenure: 't1',
    version: 1,
    writeId: null,
    statusChangedAt: new Date(START_MS),
    lastSeenAt: null,
    createdAt: new Date(START_MS),
    effective: { status, evidence: 'observed' },
    mirror: { state: 'none', word: null },
    ...change,
  };
}

type Fact = HistoryEntry extends infer Entry
  ? Entry extends { t: number }
    ? Omit<Entry, 't'> & { t?: number }
    : never
  : never;

const commit = (method: string, params: unknown, result: unknown, rest: object = {}): Fact =>
  ({ actor: 'p', what: 'commit', call: 1, method, params, result, changes: [], ...rest }) as Fact;
const seeded = (...rows: StoredSession[]): Fact => ({
  actor: 'foreign',
  what: 'foreign',
  did: 'seed',
  changes: rows.map((after) => ({ before: null, after })),
});
const process = (state: 'starting' | 'running' | 'crashed' | 'stopping' | 'stopped', actor = 'p', t = 0): Fact => ({
  t,
  actor,
  what: 'process',
  state,
  replicaId: actor,
});
const joined = (incarnation = 'a', actor = 'p', t = 0): Fact[] => [
  { t, actor, what: 'call', call: 900, method: 'join', params: { incarnation } },
  { ...commit('join', { incarnation }, { alive: true, others: [] }), t, actor, call: 900 } as Fact,
  { t, actor, what: 'answer', call: 900, method: 'join', ok: true },
];
const write = (change: object = {}) => ({ id: 's', tenure: 't1', version: 1, writeId: 'w', set: null, ...change });
const applied = [{ id: 's', applied: true, session: row() }];
const change = (before: StoredSession | null, after: StoredSession | null) => ({ changes: [{ before, after }] });
const seen = (rest: object): Fact =>
  ({
    actor: 'p',
    what: 'call',
    call: 2,
    method: 'write',
    params: { writes: [] },
    seen: [
      {
        session: 's',
        writeId: 'w',
        status: 'CONNECTED',
        said: null,
        connection: 'c',
        deadProbes: 0,
        forced: false,
        ...rest,
      },
    ],
  }) as Fact;
const said = (status: StoredSession['status']) => ({ ...row({ status }), kind: 'known', silentForMs: 0 });
const truth = (
  moment: 'end' | 'after-crash' | 'after-stop',
  rows: StoredSession[],
  rest: object = {},
  session: object = {},
): Fact =>
  ({
    actor: 'world',
    what: 'truth',
    moment,
    rows,
    living: ['a'],
    sessions: [
      {
        session: 's',
        mode: 'attached',
        login: 'paired',
        openAt: 'p',
        openBy: 'a',
        exempt: null,
        said: { a: 'CONNECTED' },
        ...session,
      },
    ],
    ...rest,
  }) as Fact;
const end = truth('end', [row()]);
const conversation = { id: 'c', sequence: 1, outgoing: null } as unknown as ConversationRecord;
const record = (at: number): Fact[] => [
  {
    ...commit(
      'record',
      { messages: [{ conversationId: 'c', sessionId: 's', from: 'contact', at: new Date(START_MS + at) }] },
      [{ conversationId: 'c', sequence: 1 }],
    ),
    t: at,
  } as Fact,
];
const move = (sequence: number, t: number): Fact =>
  ({
    ...commit(
      'move',
      { moves: [{ id: 'c', sequence, to: 'CLOSING', outgoing: { id: 'm', kind: 'farewell', text: '.' } }] },
      ['c'],
      { conversationsBefore: [conversation] },
    ),
    t,
  }) as Fact;
const begin = (runId: string, slot: Date | null, t: number, owner = 'a'): Fact =>
  ({ ...commit('begin', { runId, job: 'cleanup', slot, owner }, { begun: true, run: { id: runId } }), t }) as Fact;

const fell = commit('write', { owner: 'a', writes: [] }, [], change(row(), row({ status: 'RECONNECTING' })));
const entry = (rest: Partial<Transition>): Transition => ({
  id: '1',
  sessionId: 's',
  at: new Date(START_MS),
  from: 'CONNECTED',
  to: 'RECONNECTING',
  evidence: 'observed',
  health: 'healthy',
  reason: null,
  owner: 'a',
  ...rest,
});
const kept = (all: readonly Transition[]): Fact => ({ actor: 'world', what: 'transitions', all });
const took = (kind = 'status'): Fact[] => [
  { actor: 'p', what: 'client', session: 's', connection: 'c', status: 'ERROR' },
  commit('take', { owner: 'a', limit: 9 }, [{ id: 'q', sessionId: 's', kind }]),
];
const answers = (...all: readonly { id: string; body: string }[]): Fact => ({
  actor: 'p',
  what: 'call',
  call: 7,
  method: 'answer',
  params: { owner: 'a', answers: all },
});

/** A history in the order it is given; a fact without an instant has that of the one before. */
function judge(facts: readonly Fact[], change: Partial<WorldSettings> = {}): string[] {
  let t = 0;
  const history = [
    { actor: 'world', what: 'settings', settings: { ...settings, ...change } } as Fact,
    ...facts,
    end,
  ].map((fact) => {
    t = Math.max(t, fact.t ?? t);
    return { ...fact, t } as HistoryEntry;
  });
  return [...new Set(judgeHistory(history).violations.map(({ invariant }) => invariant))];
}

const life = [process('starting'), ...joined(), process('running')];

describe('an invariant over a history', () => {
  it('finds nothing in one that is right', () => {
    expect(judge([seeded(row()), ...life])).toEqual([]);
  });

  it.each<[string, Fact[], Partial<WorldSettings>?]>([
    [
      'S1',
      [
        { ...commit('write', { owner: 'a', writes: [write()] }, applied), call: 9 } as Fact,
        { ...commit('write', { owner: 'a', writes: [write()] }, applied), call: 5 } as Fact,
      ],
    ],
    ['S1', [seen({ status: 'RECONNECTING', said: said('CONNECTED'), deadProbes: 1 })]],
    ['S1', [{ actor: 'p', what: 'heal', session: 's', deadProbes: 1, forced: false }]],
    [
      'S2',
      [
        seeded(row()),
        commit('claim', { owner: 'b', claims: [{ id: 's', tenure: 't2', mode: 'free' }] }, [
          { id: 's', claimed: true },
        ]),
      ],
    ],
    ['S2', [{ actor: 'p', what: 'provider-open', session: 's', tenure: 'never granted', fenced: false }]],
    ['S3', [seeded(row({ tenure: 't2' })), commit('write', { owner: 'a', writes: [write()] }, applied)]],
    ['S3', [...life, { t: 31_000, actor: 'p', what: 'call', call: 3, method: 'write', params: {} }]],
    ['S4', [seen({ said: null })]],
    ['S4', [seen({ said: said('RECONNECTING') })]],
    [
      'S4',
      [
        commit(
          'freeFenced',
          {},
          ['s'],
          change(row(), row({ status: 'DISCONNECTED', evidence: 'observed', owner: null, tenure: null })),
        ),
      ],
    ],
    ['S5', [{ actor: 'world', what: 'rejection', error: 'Error' }]],
    [
      'S5',
      [
        ...life,
        process('starting', 'q'),
        { actor: 'q', what: 'call', call: 4, method: 'fence', params: { incarnation: 'a' } },
      ],
    ],
    [
      'S6',
      [
        seeded(row({ status: 'QR_CODE' })),
        commit('beat', { incarnation: 'a', massOutage: true }, { alive: true }),
        commit('deactivate', { ids: ['s'] }, ['s']),
      ],
    ],
    [
      'S7',
      [seeded(row({ createdAt: new Date(START_MS - 4 * 86_400_000) })), commit('deactivate', { ids: ['s'] }, ['s'])],
    ],
    ['S7', [seeded(row({ owner: null, status: 'DISCONNECTED' })), commit('deactivate', { ids: ['s'] }, ['s'])]],
    ['S8', [seeded(row()), ...joined(), ...record(0), move(0, 100_000)]],
    ['S8', [seeded(row({ status: 'RECONNECTING' })), ...joined('a', 'p', 90_000), ...record(90_000), move(1, 160_000)]],
    ['S9', [{ actor: 'p', what: 'message-sent', session: 's', chat: 'x', messageId: 'm', delivery: 'sent' }]],
    ['S10', [...joined(), begin('r1', new Date(START_MS), 0), begin('r2', new Date(START_MS), 40_000)]],
    ['S10', [...joined(), begin('r1', null, 0), begin('r2', null, 10_000)]],
    [
      'S12',
      ['2025-11-02T05:30:00Z', '2025-11-02T06:30:00Z'].map((slot, index) => ({
        ...commit(
          'begin',
          { runId: `r${index}`, job: 'inactivity', slot: new Date(slot), owner: 'a' },
          { begun: true, run: { id: `r${index}` } },
        ),
        t: Date.parse(slot) - START_MS,
      })) as Fact[],
      { daily: '30 1 * * *', timeZone: 'America/New_York', endMs: 4 * 3_600_000 },
    ],
    [
      'S13',
      [
        commit(
          'write',
          { owner: 'a', writes: [] },
          [],
          change(row({ status: 'LOGGED_OUT' }), row({ status: 'RECONNECTING' })),
        ),
      ],
    ],
    ['S14', [commit('write', { owner: 'a', writes: [write()] }, [], change(null, row()))]],
    ['S15', [commit('purge', { ids: ['s'] }, ['s'], { credentialsLeft: 1 })]],
    ['S16', [commit('claim', { owner: 'a', claims: [] }, [], { changedBySecond: ['rows'] })]],
    ['S17', [fell, kept([])]],
    ['S17', [fell, kept([entry({ to: 'RECONNECTING' }), entry({ to: 'RECONNECTING' })])]],
    ['S17', [fell, kept([entry({ to: 'ERROR' })])]],
    ['S18', [...took(), ...took()]],
    ['S18', [...took(), answers({ id: 'q', body: '{"status":"CONNECTED"}' })]],
    ['S18', [...took('sync'), answers({ id: 'q', body: '{"synced":{"actual":"CONNECTED"}}' })]],
    ['S18', [answers({ id: 'q', body: '{"status":"RECONNECTING"}' })]],
    ['S18', [...took('settle'), answers({ id: 'q', body: '1' }), answers({ id: 'q', body: '2' })]],
    ['S18', [{ actor: 'p', what: 'log-out', session: 's' }]],
    [
      'S19',
      [
        seeded(row()),
        {
          actor: 'p',
          what: 'call',
          call: 4,
          method: 'write',
          params: { owner: 'a', writes: [{ id: 's', version: 1 }] },
        },
        { t: 20_000, actor: 'p', what: 'call', call: 5, method: 'beat', params: { incarnation: 'a', stuck: false } },
      ],
    ],
    [
      'S20',
      [
        ...life,
        { t: 60_000, actor: 'p', what: 'fault', kind: 'beat_hangs', target: 'p', met: 'beat' },
        { t: 80_000, actor: 'p', what: 'event', name: 'lease:lost', payload: {} },
      ],
    ],
    [
      'L6',
      [
        seeded(row()),
        ...life,
        { t: 60_000, actor: 'p', what: 'fault', kind: 'beat_hangs', target: 'p', met: 'beat' },
        { actor: 'p', what: 'client', session: 's', connection: 'c', status: 'RECONNECTING' },
        { t: 65_000, actor: 'p', what: 'answer', call: 9, method: 'get', ok: true },
      ],
    ],
    [
      'L1',
      [
        seeded(row({ owner: 'dead' })),
        ...life,
        process('starting', 'q'),
        ...joined('dead', 'q'),
        process('crashed', 'q', 1_000),
        { t: 60_000, actor: 'world', what: 'calm' },
      ],
    ],
    ['L4', [...life, process('stopping', 'p', 50_000), process('stopped', 'p', 52_000)]],
    [
      'L5',
      [{ actor: 'p', what: 'sync', id: 1, forced: false, held: ['s'], judged: [], checked: 0, ok: true, sinceMs: 0 }],
    ],
    [
      'L7',
      [
        seeded(row()),
        ...life,
        { actor: 'p', what: 'link', event: 'open', session: 's', link: 'l' },
        { t: 100_000, actor: 'whatsapp', what: 'link', event: 'silent', session: 's', link: 'l' },
        { t: 200_000, actor: 'world', what: 'calm' },
      ],
    ],
  ])('%s sees what breaks it (%#)', (name, facts, change) => {
    expect(judge(facts, change)).toContain(name);
  });

  it.each<[string, Partial<StoredSession>, object]>([
    ['a row that says CONNECTED without a link', {}, { openAt: null, openBy: null, said: { a: 'CONNECTED' } }],
    ['a link that its row knows nothing of', { status: 'DISCONNECTED' }, {}],
    ['an owner that is gone', { owner: 'gone' }, {}],
    ['an owner that is not where the link is', { owner: 'b' }, {}],
  ])('L2 sees %s', (_, stored, session) => {
    const last = truth('end', [row(stored)], { living: ['a', 'b'] }, session);
    expect(judge([last]).length).toBe(0);
    const history = [
      { t: 0, actor: 'world', what: 'settings', settings },
      { ...last, t: 1 },
    ] as HistoryEntry[];
    expect(judgeHistory(history).violations.map(({ invariant }) => invariant)).toContain('L2');
  });

  it('S16 leaves a slice that was full alone: its second delivery takes what comes next', () => {
    const twice = (freed: string[]) =>
      judge([commit('freeFenced', { limit: 2 }, freed, { changedBySecond: ['rows'] })] as Fact[]);
    expect(twice(['a', 'b'])).not.toContain('S16');
    expect(twice(['a'])).toContain('S16');
  });

  it('S21 sees a write under a lease that another has ended', () => {
    const begun = { actor: 'p', what: 'call', call: 7, method: 'write', params: { owner: 'a', writes: [] } } as Fact;
    const ended = { ...commit('fence', { incarnation: 'a' }, true), actor: 'q' } as Fact;
    const both = [...life, process('starting', 'q')];
    expect(judge([...both, begun, ended])).not.toContain('S21');
    expect(judge([...both, ended, begun])).toContain('S21');
  });

  it.each([
    [1.025, 27_000],
    [0.975, 28_000],
  ])('S2 counts the lease of its owner by a clock that runs at %d', (rate, t) => {
    const facts: Fact[] = [
      seeded(row({ owner: null, tenure: null })),
      { actor: 'p', what: 'clock-rate', rate },
      ...life,
      commit('claim', { owner: 'a', claims: [{ id: 's', tenure: 't2', mode: 'free' }] }, [{ id: 's', claimed: true }]),
      { t, actor: 'p', what: 'provider-open', session: 's', tenure: 't2', fenced: false },
    ];
    const early = facts.map((fact) => (fact.t === t ? { ...fact, t: t - 700 } : fact));
    expect(judge(early)).not.toContain('S2');
    expect(judge(facts)).toContain('S2');
  });

  it.each<[string, number, Fact[]]>([
    ['by the account of its owner', 27_000, []],
    ['in the store', 20_000, [commit('fence', { incarnation: 'a' }, true)]],
  ])('S2 sees a connection that is opened after the lease is over %s', (_, t, before) => {
    const claim = { id: 's', tenure: 't2', mode: 'free' };
    const until = (openedMs: number, facts: Fact[]): Fact[] => [
      seeded(row({ owner: null, tenure: null })),
      ...life,
      commit('claim', { owner: 'a', claims: [claim] }, [{ id: 's', claimed: true }]),
      ...facts,
      { t: openedMs, actor: 'p', what: 'provider-open', session: 's', tenure: 't2', fenced: false },
    ];
    expect(judge(until(t - 1, []))).not.toContain('S2');
    expect(judge(until(t, before))).toContain('S2');
  });

  it('L6 sees a row that does not follow its connection', () => {
    const beat = (t: number): Fact[] => [
      { t, actor: 'p', what: 'call', call: t, method: 'beat', params: { incarnation: 'a', massOutage: false } },
      { ...commit('beat', { incarnation: 'a', massOutage: false }, { alive: true, others: [] }), call: t, t } as Fact,
      { t, actor: 'p', what: 'answer', call: t, method: 'beat', ok: true },
    ];
    const facts: Fact[] = [
      seeded(row()),
      ...life,
      { t: 1, actor: 'p', what: 'client', session: 's', connection: 'c', status: 'RECONNECTING' },
      ...beat(5_000),
    ];
    expect(judge(facts)).toContain('L6');
  });

  it('S11 sees a lease that is lost after a step of the host clock', () => {
    const facts: Fact[] = [
      ...life,
      { t: 40_000, actor: 'p', what: 'clock-step', byMs: 3_600_000 },
      { t: 50_000, actor: 'p', what: 'event', name: 'lease:lost', payload: {} },
      { t: 90_000, actor: 'world', what: 'calm' },
    ];
    expect(judge(facts)).toContain('S11');
  });

  it('L3 sees a slot that nobody takes up', () => {
    expect(judge([...life, { t: 400_000, actor: 'world', what: 'calm' }])).toContain('L3');
  });
});
