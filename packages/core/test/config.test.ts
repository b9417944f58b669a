import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import {
  checkSessionId,
  createMemoryStore,
  createWaSync,
  isWaSyncError,
  maskNumbers,
  WaSyncError,
  type WaSyncOptions,
} from '../src/index.js';

const store = createMemoryStore();
const refusal = (options: unknown): string => {
  try {
    createWaSync(options as WaSyncOptions);
  } catch (error) {
    expect(isWaSyncError(error) && error.code).toBe('config_invalid');
    return (error as Error).message;
  }
  throw new Error('The configuration was taken');
};

describe('configuration', () => {
  it('names an unknown key, also a nested one, and the keys there are', () => {
    expect(refusal({ store, prob: {} })).toMatch(/^Unknown option prob: createWaSync takes store, .*\bprobe\b/);
    expect(refusal({ store, probe: { timeout: 5 } })).toMatch(
      /^Unknown option probe\.timeout: probe takes timeoutMs, /,
    );
    expect(refusal({ store, inactivity: { farewel: 'x' } })).toMatch(/^Unknown option inactivity\.farewel: .*farewell/);
  });

  it('says so in its own words where the zod of the host has a locale', () => {
    const { localeError } = z.config();
    z.config({ localeError: () => 'palavras de outro' });
    try {
      expect(refusal({ store, cleanup: 30 } as never)).toBe('Option cleanup takes an object');
    } finally {
      z.config({ localeError });
    }
  });

  it('names a wrong value and what the key takes', () => {
    expect(refusal({ store, probe: { timeoutMs: '5s' } })).toBe(
      'Option probe.timeoutMs takes milliseconds, a whole number from 50 to 60000',
    );
    expect(refusal({ store, probe: { timeoutMs: 5 } })).toContain('probe.timeoutMs takes milliseconds');
    expect(refusal({ store, lease: { ttlMs: 1.5 } })).toContain('lease.ttlMs takes milliseconds, a whole number');
    expect(refusal({ store, lease: { ttlMs: 10_000, tickMs: 5_000 } })).toContain('lease.tickMs takes');
    expect(refusal({ store, jobs: { sync: 'often' } })).toContain('jobs.sync takes a cron expression');
    expect(refusal({ store, jobs: { sync: true } })).toContain('jobs.sync takes a cron expression or false');
    expect(refusal({ store, timeZone: 'Brasil' })).toContain('timeZone takes an IANA zone');
    const off = { sync: false, cleanup: false, inactivity: false } as const;
    expect(refusal({ store, timeZone: 'Brasil', jobs: off })).toContain('timeZone takes an IANA zone');
    const groups = { cleanup: 30, inactivity: { lastFrom: 'contact', businessHours: { timeZone: 'UTC', days: [] } } };
    expect(refusal({ store, ...groups } as never)).toBe(
      'Option cleanup takes an object; Option inactivity.lastFrom takes a list; Option inactivity.businessHours.days takes an object',
    );
    expect(refusal({ store: {} })).toContain('store takes a store');
    expect(refusal({})).toContain('store takes a store');
  });

  it('has a default for everything but the store', () => {
    const wa = createWaSync({ store });
    expect(wa.replicaId).toMatch(/^replica-/);
    expect(wa.currentSession).toBeNull();
  });
});

describe('session ids', () => {
  it('takes any script and refuses control characters and wrong lengths', () => {
    for (const id of ['a', 'vendas', '日本', '🟢', "o'brien; drop table", 'x'.repeat(255)])
      expect(checkSessionId(id)).toBe(id);
    for (const id of ['', 'x'.repeat(256), 'a\n', '\u0000', '\ud800', null, 5]) {
      expect(() => checkSessionId(id)).toThrow(WaSyncError);
    }
  });

  it('shows only the end of a number', () => {
    expect(maskNumbers('session 5511999991234 of a')).toBe('session …1234 of a');
  });
});
