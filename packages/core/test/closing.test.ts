import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideClosing } from '../src/decide/closing.js';
import {
  type ClosingPolicy,
  type ConversationRecord,
  createMemoryStore,
  createWaSync,
  type InactiveConversation,
  outgoingId,
  type WaSyncOptions,
} from '../src/index.js';

const NOON = new Date('2025-01-06T12:00:00Z');
const always = { timeZone: 'UTC', days: { mon: ['00:00', '24:00'] as [string, string] } };
const never = { timeZone: 'UTC', days: {} };

const outgoing = fc.option(
  fc.record({
    id: fc.string(),
    kind: fc.constantFrom('warning' as const, 'farewell' as const),
    text: fc.string(),
    delivery: fc.constantFrom('pending', 'sending', 'sent', 'unknown', 'failed'),
  }),
);
const conversations = fc.record({
  id: fc.string({ minLength: 1, unit: 'binary' }),
  sessionId: fc.string({ minLength: 1 }),
  chat: fc.option(fc.constantFrom('1@s.whatsapp.net', '1@lid', '1-2@g.us', 'status@broadcast', '1@newsletter')),
  state: fc.constantFrom('OPEN' as const, 'WARNED' as const),
  sequence: fc.nat(),
  lastMessageAt: fc.constant(NOON),
  heardAt: fc.constant(NOON),
  lastFrom: fc.option(fc.constantFrom('contact' as const, 'agent' as const, 'bot' as const)),
  warnedAt: fc.constant(null),
  closingNumber: fc.nat(),
  outgoing,
  adopted: fc.boolean(),
  hostStatus: fc.option(fc.constantFrom('ACTIVE', 'SNOOZED')),
}) as fc.Arbitrary<ConversationRecord>;
const quiets: fc.Arbitrary<InactiveConversation> = fc.record({
  conversation: conversations,
  inactiveForMs: fc.nat({ max: 200_000 }),
  warnedForMs: fc.option(fc.nat({ max: 200_000 })),
  gateOpen: fc.boolean(),
});
const policies: fc.Arbitrary<ClosingPolicy> = fc.record({
  inactiveAfterMs: fc.nat({ max: 200_000 }),
  warning: fc.option(fc.record({ text: fc.constant('still there?'), graceMs: fc.nat({ max: 200_000 }) })),
  farewell: fc.option(fc.constant('bye')),
  lastFrom: fc.option(fc.subarray(['contact', 'agent', 'bot'] as const)),
  skipStatuses: fc.subarray(['SNOOZED', 'ACTIVE']),
  businessHours: fc.option(fc.constantFrom(always, never)),
});

/** Runs the rule on anything, and keeps count of how often it did something. */
function holds(check: (quiet: InactiveConversation, policy: ClosingPolicy, kind: string) => void): void {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(quiets, policies, (quiet, policy) => {
      const decision = decideClosing(quiet, policy, NOON);
      seen.set(decision.kind, (seen.get(decision.kind) ?? 0) + 1);
      check(quiet, policy, decision.kind);
    }),
    { numRuns: 20_000, seed: 7 },
  );
  expect([...seen.keys()].sort()).toEqual(['close', 'skip', 'wait', 'warn']);
}

describe('the rule of closing', () => {
  it('does nothing through a closed gate, before its time, after hours, or against the policy', () => {
    holds(({ conversation, gateOpen, inactiveForMs }, policy, kind) => {
      if (kind !== 'close' && kind !== 'warn') return;
      expect(gateOpen).toBe(true);
      expect(inactiveForMs).toBeGreaterThanOrEqual(policy.inactiveAfterMs);
      expect(policy.businessHours).not.toBe(never);
      expect(policy.skipStatuses).not.toContain(conversation.hostStatus);
      if (policy.lastFrom) expect(policy.lastFrom).toContain(conversation.lastFrom);
      expect(conversation.chat ?? '').not.toMatch(/@(g\.us|broadcast|newsletter)$/);
    });
  });

  it('warns where there is a warning before it closes, and closes only after the grace of a warning that was sent', () => {
    holds(({ conversation, warnedForMs }, policy, kind) => {
      const speaks = conversation.chat !== null && !conversation.adopted;
      if (kind === 'warn') {
        expect(conversation.state).toBe('OPEN');
        expect(policy.warning).not.toBeNull();
        expect(speaks).toBe(true);
      }
      if (kind !== 'close' || !policy.warning || !speaks) return;
      expect(conversation.state).toBe('WARNED');
      expect(warnedForMs).toBeGreaterThanOrEqual(policy.warning.graceMs);
      expect(['pending', 'sending']).not.toContain(conversation.outgoing?.delivery);
    });
  });

  it('says no word to whom nobody spoke, or whose address is not known', () => {
    fc.assert(
      fc.property(quiets, policies, (quiet, policy) => {
        const decision = decideClosing(quiet, policy, NOON);
        const { adopted, chat } = quiet.conversation;
        if (decision.kind === 'close' && (adopted || chat === null)) expect(decision.farewell).toBeNull();
        else if (decision.kind === 'close') expect(decision.farewell).toBe(policy.farewell);
      }),
    );
  });

  it('closes what nothing speaks against, and leaves alone what has no policy', () => {
    const open = { ...fc.sample(conversations, 1)[0]!, state: 'OPEN' as const, chat: '1@lid', adopted: false };
    const quiet = { conversation: open, inactiveForMs: 10, warnedForMs: null, gateOpen: true };
    const policy = {
      inactiveAfterMs: 10,
      warning: null,
      farewell: 'bye',
      lastFrom: null,
      skipStatuses: [],
      businessHours: null,
    };
    expect(decideClosing(quiet, policy, NOON)).toEqual({ kind: 'close', farewell: 'bye' });
    expect(decideClosing(quiet, null, NOON)).toEqual({ kind: 'skip', why: 'no_policy' });
  });
});

describe('the id of a message', () => {
  const base = fc.sample(conversations, 1)[0]!;

  it('is one for a closing, whatever happened since, and another for the next', () => {
    fc.assert(
      fc.property(conversations, fc.nat(), (conversation, sequence) => {
        expect(outgoingId(conversation, 'farewell')).toBe(outgoingId({ ...conversation, sequence }, 'farewell'));
        expect(outgoingId(conversation, 'farewell')).toMatch(/^3EB0[0-9A-F]{16}$/);
      }),
    );
  });

  it('differs by conversation, closing, kind, and for a warning by silence', () => {
    const ids = new Set<string>();
    for (let id = 0; id < 20; id++) {
      for (let closingNumber = 0; closingNumber < 20; closingNumber++) {
        const one = { ...base, id: `c${id}`, closingNumber };
        ids.add(outgoingId(one, 'farewell'));
        for (let sequence = 0; sequence < 10; sequence++) ids.add(outgoingId({ ...one, sequence }, 'warning'));
      }
    }
    expect(ids.size).toBe(20 * 20 * 11);
  });
});

describe('the options of inactivity', () => {
  const make = (inactivity: unknown) => () =>
    createWaSync({ store: createMemoryStore(), inactivity } as unknown as WaSyncOptions);

  it.each([
    [{ inactiveAfterHours: 24 }, 'inactivity.inactiveAfterHours'],
    [{ inactiveAfterMs: 24 }, 'inactivity.inactiveAfterMs'],
    [{ inactiveAfterMs: '24h' }, 'inactivity.inactiveAfterMs'],
    [{ warning: { text: 'x' } }, 'inactivity.warning.graceMs'],
    [{ warning: { text: '', graceMs: 60_000 } }, 'inactivity.warning.text'],
    [{ farewell: '' }, 'inactivity.farewell'],
    [{ lastFrom: ['customer'] }, 'inactivity.lastFrom.0'],
    [{ businessHours: { timeZone: 'Mars/Olympus', days: {} } }, 'inactivity.businessHours.timeZone'],
    [
      { businessHours: { timeZone: 'UTC', days: { monday: ['09:00', '18:00'] } } },
      'inactivity.businessHours.days.monday',
    ],
    [{ businessHours: { timeZone: 'UTC', days: { mon: ['9', '18'] } } }, 'inactivity.businessHours.days.mon'],
    [{ businessHours: { timeZone: 'UTC', days: { mon: ['22:00', '06:00'] } } }, 'inactivity.businessHours.days.mon'],
    [{ businessHours: { timeZone: 'UTC', days: { mon: ['09:00', '24:30'] } } }, 'inactivity.businessHours.days.mon'],
    [{ businessHours: { timeZone: 'UTC', days: {}, holidays: ['25/12'] } }, 'inactivity.businessHours.holidays.0'],
    [{ policy: {} }, 'inactivity.policy'],
    [{ maxPerRun: 0 }, 'inactivity.maxPerRun'],
    [{ sendsPerMinute: 1.5 }, 'inactivity.sendsPerMinute'],
  ])('refuse %j and name the key', (inactivity, key) => {
    expect(make(inactivity)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    expect(make(inactivity)).toThrow(key);
  });

  it('take what the documentation shows', () => {
    expect(
      make({
        inactiveAfterMs: 86_400_000,
        warning: { text: 'Ainda aí?', graceMs: 600_000 },
        farewell: 'Até logo',
        lastFrom: ['agent'],
        skipStatuses: ['SNOOZED'],
        businessHours: { timeZone: 'America/Sao_Paulo', days: { mon: ['09:00', '24:00'] }, holidays: ['2026-12-25'] },
      }),
    ).not.toThrow();
  });
});
