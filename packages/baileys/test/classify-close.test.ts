import { SESSION_STATUSES } from '@wa-sync/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLOSE_REASONS, type CloseFacts, classifyClose, readCloseError } from '../src/index.js';

const stanza = (tag: string, attrs: Record<string, string>) => ({ tag, attrs });

const cases: [what: string, facts: CloseFacts, code: string, status: string, action: string][] = [
  [
    '515',
    { code: 515, message: 'Stream Errored (restart required)' },
    'restart_required',
    'RECONNECTING',
    'reopen_now',
  ],
  ['ws close', { code: 428, message: 'Connection Terminated' }, 'connection_closed', 'RECONNECTING', 'back_off'],
  ['the number 1006', { code: 1006 }, 'connection_closed', 'RECONNECTING', 'back_off'],
  ['keep-alive', { code: 408, message: 'Connection was lost' }, 'connection_lost', 'RECONNECTING', 'back_off'],
  ['no serverHello', { code: 408, message: 'Timed Out' }, 'timed_out', 'RECONNECTING', 'back_off'],
  [
    'ECONNREFUSED',
    { code: 408, message: 'WebSocket Error (connect ECONNREFUSED 127.0.0.1:1)' },
    'network_error',
    'RECONNECTING',
    'back_off',
  ],
  ['QR expired', { code: 408, message: 'QR refs attempts ended' }, 'qr_expired', 'DISCONNECTED', 'wait_for_person'],
  ['440', { code: 440, message: 'Stream Errored (conflict)' }, 'replaced', 'REPLACED', 'replaced'],
  [
    'failure 401',
    { code: 401, message: 'Connection Failure', data: { reason: '401', location: 'rva' } },
    'logged_out',
    'LOGGED_OUT',
    'logged_out',
  ],
  [
    'failure 403',
    { code: 403, message: 'Connection Failure', data: { reason: '403' } },
    'account_locked',
    'LOGGED_OUT',
    'logged_out',
  ],
  [
    'failure 406',
    { code: 406, message: 'Connection Failure', data: { reason: '406' } },
    'account_banned',
    'LOGGED_OUT',
    'logged_out',
  ],
  [
    'device_removed',
    { code: 401, message: 'Stream Errored (conflict)', data: stanza('conflict', { type: 'device_removed' }) },
    'logged_out',
    'LOGGED_OUT',
    'logged_out',
  ],
  [
    'device_removed in the whole stanza, as clients before 7 give it',
    {
      code: 401,
      message: 'Stream Errored (conflict)',
      data: { ...stanza('stream:error', { code: '401' }), content: [stanza('conflict', { type: 'device_removed' })] },
    },
    'logged_out',
    'LOGGED_OUT',
    'logged_out',
  ],
  [
    'replaced in the whole stanza',
    {
      code: 440,
      message: 'Stream Errored (conflict)',
      data: { ...stanza('stream:error', {}), content: [stanza('conflict', { type: 'replaced' })] },
    },
    'replaced',
    'REPLACED',
    'replaced',
  ],
  [
    'a whole stanza without a reason',
    {
      code: 503,
      message: 'Stream Errored (unknown)',
      data: { ...stanza('stream:error', { code: '503' }), content: [] },
    },
    'service_unavailable',
    'RECONNECTING',
    'back_off',
  ],
  [
    'device_removed where Baileys says 440',
    { code: 440, message: 'Stream Errored (conflict)', data: stanza('conflict', { type: 'device_removed' }) },
    'logged_out',
    'LOGGED_OUT',
    'logged_out',
  ],
  ['our own logout', { code: 401, message: 'Intentional Logout' }, 'logged_out', 'LOGGED_OUT', 'logged_out'],
  [
    'other stream 401',
    { code: 401, message: 'Stream Errored (unknown)', data: stanza('stream:error', { code: '401' }) },
    'unauthorized',
    'RECONNECTING',
    'confirm_once',
  ],
  [
    'a proxy that answers 401 to the upgrade',
    { code: 401, message: 'WebSocket Error (Unexpected server response: 401)', data: new Error('x') },
    'network_error',
    'RECONNECTING',
    'back_off',
  ],
  [
    '402',
    { code: 402, message: 'Connection Failure', data: { expire: '60' } },
    'temporary_ban',
    'ERROR',
    'wait_for_expiry',
  ],
  [
    '405',
    { code: 405, message: 'Connection Failure', data: { reason: '405' } },
    'client_refused',
    'ERROR',
    'slow_retry',
  ],
  ['400', { code: 400, message: 'Connection Failure', data: { reason: '400' } }, 'bad_request', 'ERROR', 'stop'],
  [
    'wrong certificate',
    { code: 400, message: 'noise certificate signature invalid' },
    'server_not_trusted',
    'ERROR',
    'slow_retry',
  ],
  ['409', { code: 409, message: 'Connection Failure' }, 'bad_user_agent', 'ERROR', 'stop'],
  ['411', { code: 411, message: 'Multi-device beta not joined' }, 'pair_again', 'LOGGED_OUT', 'logged_out'],
  [
    'failure 500',
    { code: 500, message: 'Connection Failure', data: { reason: '500' } },
    'server_error',
    'RECONNECTING',
    'back_off',
  ],
  [
    'stream error without a code',
    { code: 500, message: 'Stream Errored (xml-not-well-formed)' },
    'stream_error',
    'RECONNECTING',
    'back_off',
  ],
  [
    'TLS error',
    { code: 500, message: 'WebSocket Error (self-signed certificate)' },
    'network_error',
    'RECONNECTING',
    'back_off',
  ],
  ['503', { code: 503, message: 'Stream Errored (unknown)' }, 'service_unavailable', 'RECONNECTING', 'back_off'],
  ['end() by the host', {}, 'ended_by_app', 'RECONNECTING', 'back_off'],
  ['heal', { code: 408, data: { waSync: 'silent' } }, 'silent', 'RECONNECTING', 'back_off'],
  ['a watchdog', { code: 408, data: { waSync: 'login_timeout' } }, 'login_timeout', 'RECONNECTING', 'back_off'],
  ['a broken stream', { code: 408, data: { waSync: 'stream_broken' } }, 'stream_broken', 'RECONNECTING', 'reopen_now'],
  ['a code of the future', { code: 999, message: 'New' }, 'unknown_close', 'RECONNECTING', 'back_off'],
];

describe('classifyClose', () => {
  it.each(cases)('%s', (_what, facts, code, status, action) => {
    expect(classifyClose(facts)).toMatchObject({ code, status, action });
  });

  it('returns a reason for everything, and takes credentials only after a logout', () => {
    const facts = fc.record(
      {
        code: fc.oneof(fc.anything(), fc.integer({ min: 0, max: 1100 })),
        message: fc.oneof(
          fc.anything(),
          fc.constantFrom('Connection Failure', 'QR refs', 'WebSocket Error', 'Stream Errored'),
        ),
        data: fc.anything(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(facts, (given) => {
        const reason = classifyClose(given as CloseFacts);
        expect(SESSION_STATUSES).toContain(reason.status);
        expect(reason.words.en).not.toBe('');
        expect(reason.words.pt).not.toBe('');
        expect(reason.credentials === 'quarantine').toBe(reason.status === 'LOGGED_OUT');
        expect(reason.reconnects).toBe(!['logged_out', 'wait_for_person', 'stop'].includes(reason.action));
      }),
      { numRuns: 2_000 },
    );
  });

  it('names each reason once', () => {
    const codes = CLOSE_REASONS.map((reason) => reason.code);
    expect(new Set(codes).size).toBe(codes.length);
  });
});

describe('readCloseError', () => {
  it('reads a Boom, a plain error, a bare number and nothing', () => {
    const boom = Object.assign(new Error('Connection Failure'), {
      output: { statusCode: 401 },
      data: { reason: '401' },
    });
    expect(readCloseError(boom)).toEqual({ code: 401, message: 'Connection Failure', data: { reason: '401' } });
    expect(readCloseError(new Error('x'))).toEqual({ code: null, message: 'x', data: undefined });
    expect(readCloseError(1006)).toEqual({ code: 1006 });
    expect(readCloseError(undefined)).toEqual({});
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.anything(), (error) => void classifyClose(readCloseError(error))));
  });
});
