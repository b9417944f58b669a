import { expect, it } from 'vitest';
import { createBaileysAuthState } from '../src/index.js';
import { startProvider, startServer, untilStatus } from './kit.js';

it.each(['credentials', 'socketConfig'] as const)(
  'a session whose %s fail is an ERROR at the third time, with the words in its row, and heals',
  async (part) => {
    const server = await startServer();
    let broken = true;
    const lines: Readonly<Record<string, unknown>>[] = [];
    const note = (fields: Readonly<Record<string, unknown>>) =>
      void (fields.code === 'open_failed' && lines.push(fields));
    const failIfBroken = () => {
      if (broken) throw Object.assign(new Error('no row for 5511999991234\n\u001b[2J'), { code: 'E_HOST' });
    };
    const host = await startProvider(server, {
      backoff: { baseMs: 1, maxMs: 5 },
      auth: async ({ sessionId, tenure }) => {
        if (part === 'credentials') failIfBroken();
        return createBaileysAuthState({ store: host.auth, sessionId, tenure });
      },
      socketConfig: () => {
        if (part === 'socketConfig') failIfBroken();
        return server.socketConfig();
      },
    });
    host.provider.useLogger?.({ logger: { debug() {}, info() {}, warn() {}, error: note } });
    const connection = host.open(await host.addSession('a', '5511911110001'));
    const { reason } = await untilStatus(connection, 'ERROR', { reason: 'open_failed' });
    expect(reason?.detail).toBe('The connection could not be opened: no row for …1234\\n\\u001b[2J (E_HOST)');
    expect(lines.map(({ times }) => times)).toEqual([1, 3]);
    expect(lines[0]?.err).toMatchObject({ code: 'E_HOST', message: expect.stringContaining('…1234') });
    broken = false;
    await untilStatus(connection, 'CONNECTED');
  },
);

it('a session whose socketConfig returns a promise says so, and a rejection of it ends no process', async () => {
  const server = await startServer();
  const host = await startProvider(server, {
    backoff: { baseMs: 1, maxMs: 5 },
    socketConfig: () => Promise.reject(new Error('of the host')) as unknown as Record<string, never>,
  });
  const connection = host.open(await host.addSession('a', '5511911110001'));
  const { reason } = await untilStatus(connection, 'ERROR', { reason: 'config_invalid' });
  expect(reason?.detail).toContain('socketConfig returned a promise');
});
