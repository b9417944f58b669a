import { afterAll, beforeAll, expect, it } from 'vitest';
import { fromIoredis } from '../src/driver/redis-like.js';
import { createRedisStore } from '../src/index.js';
import { holdBackCommands } from './hold-back-commands.js';
import { freshPrefix, startRedis, type TestServer } from './start-redis.js';

let server: TestServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

it('a desired state that was given up with its connection and arrives late undoes none that is newer, nor does it disturb the order of credentials', async () => {
  const { client, late, state, arrive } = holdBackCommands(fromIoredis(server.connect()));
  const prefix = freshPrefix();
  const [one, another] = [client, server.connect()].map((made) => createRedisStore({ client: made, prefix }));
  if (one === undefined || another === undefined) throw new Error('two stores were made');
  await one.sessions.create({ sessions: [{ id: 'a', desired: 'running' }] });
  const wish = (desired: 'running' | 'stopped') => one.sessions.setDesired({ id: 'a', desired });
  const write = (text: string) =>
    one.auth.write({ sessionId: 'a', tenure: null, entries: [{ type: 't', id: '1', value: Buffer.from(text) }] });
  await wish('stopped');
  await write('first');
  state.holding = true;
  for (const lost of [wish('stopped'), write('old')]) await expect(lost).rejects.toMatchObject({ retryable: true });
  state.holding = false;
  const newer = await wish('running');
  await write('newer');
  // The credentials of another process leave the order of desired states as it was, and the reverse.
  await another.auth.write({
    sessionId: 'a',
    tenure: null,
    entries: [{ type: 't', id: '2', value: Buffer.from('x') }],
  });
  expect(late).toHaveLength(2);
  await arrive(0);
  expect(await one.sessions.get({ ids: ['a'] })).toEqual([newer]);
  await write('newest');
  await another.sessions.setDesired({ id: 'a', desired: 'stopped' });
  await arrive(1);
  const found = await one.auth.read({ sessionId: 'a', type: 't', ids: ['1'] });
  expect(Buffer.from(found.get('1')!).toString()).toBe('newest');
  expect(await one.sessions.get({ ids: ['a'] })).toMatchObject([{ desired: 'stopped' }]);
  await one.sessions.remove({ id: 'a' });
  expect(await server.connect().hlen(`{${prefix}}:order`)).toBe(0);
  await Promise.all([one.close(), another.close()]);
});
