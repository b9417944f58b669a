import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { authKeyRingSchema, openRecord, parseOptions, sealRecord } from '../src/adapter/index.js';

const place = { sessionId: 's', type: 'creds', id: 'creds' };
const keyRing = { current: 'new', keys: { old: randomBytes(32), new: randomBytes(32) } };
const value = new TextEncoder().encode('a secret');

describe('a sealed record', () => {
  it('opens under its own key and place, also once another key is current', () => {
    const sealed = sealRecord({ keyRing: { ...keyRing, current: 'old' }, value, ...place });
    expect(Buffer.from(sealed).includes('secret')).toBe(false);
    expect(openRecord({ keyRing, keyId: 'old', value: sealed, ...place })).toEqual(value);
    expect(sealRecord({ keyRing, value, ...place })).not.toEqual(sealRecord({ keyRing, value, ...place }));
  });

  it.each([
    ['moved to another session', { sessionId: 'other' }],
    ['moved to another type', { type: 'session' }],
    ['taken for another key’s', { keyId: 'old' }],
    ['moved to a place whose parts are only similar', { sessionId: 's|creds', type: '', id: 'creds' }],
  ])('does not open where it was %s', (_, change) => {
    const sealed = sealRecord({ keyRing, value, ...place });
    const opened = () => openRecord({ keyRing, keyId: 'new', value: sealed, ...place, ...change });
    expect(opened).toThrowError(expect.objectContaining({ code: 'auth_corrupt' }));
  });

  it('does not open where a bit of it was changed, or it was cut', () => {
    const sealed = sealRecord({ keyRing, value, ...place });
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Uint8Array.from(sealed, (byte, index) => (index === at ? byte ^ 1 : byte));
      for (const bad of [changed, sealed.subarray(0, at)]) {
        const opened = () => openRecord({ keyRing, keyId: 'new', value: bad, ...place });
        expect(opened).toThrowError(expect.objectContaining({ code: 'auth_corrupt' }));
      }
    }
  });

  it('names the key that the ring lacks, and is plain without a ring', () => {
    const sealed = sealRecord({ keyRing, value, ...place });
    const missing = expect.objectContaining({ code: 'auth_key_missing', message: expect.stringContaining('"new"') });
    expect(() => openRecord({ keyRing: undefined, keyId: 'new', value: sealed, ...place })).toThrowError(missing);
    expect(sealRecord({ keyRing: undefined, value, ...place })).toEqual(value);
    expect(openRecord({ keyRing, keyId: null, value, ...place })).toEqual(value);
  });

  it.each([
    ['a key of another length', { current: 'a', keys: { a: randomBytes(16) } }],
    ['a current key that is not there', { current: 'b', keys: { a: randomBytes(32) } }],
    ['a key without a name', { current: 'a', keys: { a: randomBytes(32), '': randomBytes(32) } }],
  ])('takes no ring with %s', (_, ring) => {
    expect(() => parseOptions('a store', authKeyRingSchema, ring)).toThrowError(
      expect.objectContaining({ code: 'config_invalid' }),
    );
    expect(parseOptions('a store', authKeyRingSchema, keyRing)).toEqual(keyRing);
  });
});
