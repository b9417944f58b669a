import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../src/decide/decide.js';
import { nextBackoffMs } from '../src/decide/link-faults.js';
import {
  type KnownObservation,
  type Observation,
  SESSION_STATUSES,
  type StoredSession,
} from '../src/domain/session.js';

const known = (status: KnownObservation['status'], rest: Partial<KnownObservation> = {}): KnownObservation => ({
  kind: 'known',
  status,
  health: 'healthy',
  reason: null,
  reconnectAttempt: 0,
  phone: null,
  qr: null,
  silentForMs: 0,
  ...rest,
});

const row = (status: StoredSession['status'], rest: Partial<StoredSession> = {}): StoredSession => ({
  id: 'a',
  status,
  evidence: 'observed',
  health: 'healthy',
  desired: 'running',
  reason: null,
  reconnectAttempt: 0,
  phone: null,
  qr: null,
  active: true,
  owner: 'i',
  tenure: 't',
  version: 1,
  writeId: null,
  statusChangedAt: new Date(0),
  lastSeenAt: null,
  createdAt: new Date(0),
  effective: { status, evidence: 'observed' },
  mirror: { state: 'none', word: null },
  ...rest,
});

const status = fc.constantFrom(...SESSION_STATUSES);
const reason = fc.option(fc.record({ code: fc.constantFrom('silent', 'closed', 'qr_expired') }));
const observation: fc.Arbitrary<Observation> = fc.oneof(
  fc.record({ kind: fc.constant('unknown' as const), why: fc.string() }),
  fc.record({
    kind: fc.constant('known' as const),
    status,
    health: fc.constantFrom('healthy' as const, 'degraded' as const),
    reason,
    reconnectAttempt: fc.nat(5),
    phone: fc.option(fc.constant('5511999990000')),
    qr: fc.option(fc.constant('2@abc')),
    silentForMs: fc.option(fc.nat()),
  }),
);
const stored: fc.Arbitrary<StoredSession> = fc
  .record({
    status,
    evidence: fc.constantFrom('observed' as const, 'expired' as const, 'unobserved' as const),
    health: fc.constantFrom('healthy' as const, 'degraded' as const),
    reason,
    reconnectAttempt: fc.nat(5),
    phone: fc.option(fc.constant('5511999990000')),
    qr: fc.option(fc.constant('2@abc')),
    mirror: fc.constantFrom('none' as const, 'in_sync' as const, 'differs' as const, 'missing' as const),
  })
  .map(({ mirror, ...rest }) => row(rest.status, { ...rest, mirror: { state: mirror, word: null } }));

describe('decide', () => {
  it('says nothing about the unknown', () => {
    fc.assert(fc.property(stored, (before) => decide({ kind: 'unknown', why: 'x' }, before).kind === 'none'));
  });

  it('leads to a row on which it has nothing more to say', () => {
    fc.assert(
      fc.property(observation, stored, (observed, before) => {
        const first = decide(observed, before);
        if (first.kind === 'none') return;
        const set = first.kind === 'write' ? first.set : {};
        const mirror = {
          state: before.mirror.state === 'differs' ? ('in_sync' as const) : before.mirror.state,
          word: null,
        };
        const evidence = first.kind === 'write' ? 'observed' : before.evidence;
        expect(decide(observed, { ...before, ...set, evidence, mirror }).kind).toBe('none');
      }),
    );
  });

  it('leaves LOGGED_OUT only for pairing or an observed open', () => {
    for (const next of SESSION_STATUSES) {
      const expected = ['QR_CODE', 'CONNECTED'].includes(next) ? 'write' : 'none';
      expect(decide(known(next), row('LOGGED_OUT')).kind, next).toBe(expected);
    }
  });

  it('keeps the time of the last sign of life when a session leaves CONNECTED, and only then', () => {
    const left = decide(known('RECONNECTING', { silentForMs: 25_000 }), row('CONNECTED'));
    expect(left).toMatchObject({ kind: 'write', set: { seenAgoMs: 25_000 } });
    const stayed = decide(known('DISCONNECTED', { silentForMs: 25_000 }), row('RECONNECTING'));
    expect(stayed).toMatchObject({ kind: 'write', set: { seenAgoMs: null } });
    // An adapter that counts no frames: alive until now under our own word, and never by the word of an import.
    const uncounted = known('RECONNECTING', { silentForMs: null });
    expect(decide(uncounted, row('CONNECTED'))).toMatchObject({ set: { seenAgoMs: 0 } });
    const imported = { ...row('CONNECTED'), evidence: 'unobserved' as const };
    expect(decide(uncounted, imported)).toMatchObject({ set: { seenAgoMs: null } });
  });

  it('shows a pairing code only while it can be scanned, and never forgets the number', () => {
    expect(decide(known('QR_CODE', { qr: '2@a' }), row('CONNECTING'))).toMatchObject({ set: { qr: '2@a' } });
    expect(decide(known('QR_CODE', { qr: '2@b' }), row('QR_CODE', { qr: '2@a' }))).toMatchObject({
      set: { qr: '2@b' },
    });
    const open = decide(known('CONNECTED', { qr: '2@b' }), row('QR_CODE', { qr: '2@b', phone: '5511999990000' }));
    expect(open).toMatchObject({ set: { qr: null, phone: '5511999990000' } });
  });

  it('writes what was only assumed before, although the status is the same', () => {
    expect(decide(known('DISCONNECTED'), row('DISCONNECTED', { evidence: 'expired' })).kind).toBe('write');
    expect(decide(known('CONNECTED'), row('CONNECTED')).kind).toBe('none');
  });

  it('repairs the host row alone where only that differs', () => {
    const mirror = { state: 'differs', word: 'DISCONNECTED' } as const;
    expect(decide(known('CONNECTED'), row('CONNECTED', { mirror })).kind).toBe('repair_mirror');
    expect(decide(known('DISCONNECTED'), row('LOGGED_OUT', { mirror })).kind).toBe('repair_mirror');
  });
});

describe('nextBackoffMs', () => {
  it('stays between half of the ceiling and the ceiling, for any number of attempts', () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, random) => {
        const wait = nextBackoffMs({ attempt, random, baseMs: 1_000, maxMs: 60_000 });
        const ceiling = Math.min(60_000, 1_000 * 2 ** Math.min(attempt, 52));
        return wait >= ceiling / 2 && wait <= ceiling;
      }),
    );
  });
});
