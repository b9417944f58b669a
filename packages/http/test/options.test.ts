import { describe, expect, it } from 'vitest';
import { createHttpHandler, type HttpOptions, type WaSyncLike } from '../src/index.js';

const wa = {} as WaSyncLike;
const token = 'a-token-of-good-length';

describe('createHttpHandler', () => {
  it.each([
    [undefined, /Option auth takes \{ tokens.*'none' spelled out/],
    [{}, /Option auth takes/],
    [{ auth: {} }, /Option auth takes/],
    [{ auth: { tokens: [] } }, /Option auth.tokens takes at least one/],
    [{ auth: { tokens: ['short'] } }, /Option auth.tokens.0 takes a token of at least 16/],
    [{ auth: { tokens: [undefined] } }, /Option auth.tokens.0 takes a token|Option auth takes/],
    [{ auth: { token } }, /Option auth takes \{ tokens/],
    [{ auth: true }, /Option auth takes/],
    [{ auth: 'none', prefix: '/x' }, /Unknown option prefix/],
    [{ auth: 'none', basePath: 'x' }, /Option basePath takes a path/],
    [{ auth: 'none', waitMs: 0.5 }, /Option waitMs takes milliseconds/],
    [{ auth: 'none', rateLimit: { perSecond: 1 } }, /Unknown option rateLimit.perSecond/],
    [{ auth: 'none', rateLimit: { perMinute: 0 } }, /Option rateLimit.perMinute takes a whole number/],
    [{ auth: 'none', rateLimit: 5 }, /Option rateLimit takes \{ perMinute \}/],
    [{ auth: 'none', storeCalls: 4 }, /Option storeCalls takes \{ total, perCaller \}/],
    [{ auth: 'none', storeCalls: { total: 0 } }, /Option storeCalls.total takes a whole number/],
    [{ auth: 'none', storeCalls: { perToken: 1 } }, /Unknown option storeCalls.perToken/],
    [{ auth: 'none', logger: console }, /Unknown option logger/],
    [{ auth: 'none', currentSession: 'sales' }, /Option currentSession takes a function/],
  ])('refuses %j and names what is wrong', (options, words) => {
    let thrown: unknown;
    try {
      createHttpHandler(wa, options as unknown as HttpOptions);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'config_invalid', message: expect.stringMatching(words) });
    expect(String(thrown)).not.toContain(token);
  });

  it.each<HttpOptions>([
    { auth: 'none' },
    { auth: { tokens: [token] }, rateLimit: false },
    { auth: () => false, basePath: '/', waitMs: 0, rateLimit: { perMinute: 1 }, storeCalls: { total: 1 } },
  ])('is built with %j', (options) => {
    expect(createHttpHandler(wa, options)).toBeTypeOf('function');
  });
});
