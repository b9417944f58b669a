import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryStore, createWaSync } from '@wa-sync/core';
import { SEED } from '@wa-sync/dev/tests/seed';
import { createMemoryAuthState } from '@wa-sync/fake-whatsapp';
import { BufferJSON } from '@whiskeysockets/baileys';
import { describe, expect, it, vi } from 'vitest';
import { baileysProvider, createBaileysAuthState, multiFileAuth } from '../src/index.js';
import { endLater } from './end-later.js';
import { recordStatuses, startProvider, startServer, until, untilStatus } from './kit.js';
import { createChance } from './seeded.js';

const PHONE = '5511911110001';
const OTHER = '5511922220002';
const text = (value: unknown) => JSON.stringify(value, BufferJSON.replacer);

/** Records that are no identity, or half of one. */
const DAMAGED: readonly (readonly [string, (whole: string) => Uint8Array | string])[] = [
  ['cut in the middle', (whole) => whole.slice(0, whole.length / 2)],
  ['cut before its last brace', (whole) => whole.slice(0, -1)],
  ['empty', () => ''],
  ['zeros, as a crashed disk leaves them', (whole) => new Uint8Array(whole.length)],
  ['noise', () => randomBytes(1_700)],
  ['null', () => 'null'],
  ['an array', () => '[]'],
  ['a page of HTML', () => '<html>502 Bad Gateway</html>'],
  ['without its identity key', (whole) => without(whole, 'signedIdentityKey')],
  ['without its noise key', (whole) => without(whole, 'noiseKey')],
  ['with keys of another type', (whole) => text({ ...JSON.parse(whole), noiseKey: 'x' })],
];

function without(whole: string, key: string): string {
  const { [key]: _, ...rest } = JSON.parse(whole) as Record<string, unknown>;
  return JSON.stringify(rest);
}

describe('credentials that are damaged', () => {
  it.each(DAMAGED)('in the store: %s: ERROR, nothing opened, nothing written over them', async (_, damage) => {
    const server = await startServer();
    const host = await startProvider(server);
    const session = await host.addSession('a', PHONE);
    const bytes = Buffer.from(damage(text(server.createCredentials({ phone: PHONE }))));
    await host.auth.write({ sessionId: 'a', tenure: null, entries: [{ type: 'creds', id: 'creds', value: bytes }] });
    const connection = host.open(session);
    await untilStatus(connection, 'ERROR', { reason: 'auth_corrupt' });
    await connection.close({ reason: 'test_over' });
    expect(server.accepted).toBe(0);
    expect(Buffer.from((await host.storedCreds('a')) ?? [])).toEqual(bytes);
  });

  it.each(DAMAGED)('in a file: %s: ERROR, nothing opened, nothing written over them', async (_, damage) => {
    const folder = await mkdtemp(join(tmpdir(), 'wa-sync-bad-'));
    endLater(() => rm(folder, { recursive: true, force: true }));
    const server = await startServer();
    const bytes = Buffer.from(damage(text(server.createCredentials({ phone: PHONE }))));
    await mkdir(join(folder, 'a'));
    await writeFile(join(folder, 'a', 'creds.json'), bytes);
    const host = await startProvider(server, { auth: multiFileAuth({ folder }) });
    const connection = host.open(await host.addSession('a'));
    await untilStatus(connection, 'ERROR', { reason: 'auth_corrupt' });
    await connection.close({ reason: 'test_over' });
    expect(server.accepted).toBe(0);
    expect(await readFile(join(folder, 'a', 'creds.json'))).toEqual(bytes);
  });
});

describe('credentials of another number', () => {
  async function startSession(rowPhone: string, credsPhone: string) {
    const server = await startServer();
    const store = createMemoryStore();
    const provider = baileysProvider({ auth: store.auth!, socketConfig: server.socketConfig(), loginJitterMs: 0 });
    const wa = createWaSync({ store, provider, jobs: { sync: false } });
    await wa.start();
    endLater(() => wa.stop());
    await wa.sessions.create({ id: 'a', phone: rowPhone, desired: 'stopped' });
    const { state, saveCreds } = await createBaileysAuthState({ store: store.auth!, sessionId: 'a' });
    Object.assign(state.creds, server.createCredentials({ phone: credsPhone }));
    await saveCreds();
    await wa.sessions.start('a');
    const row = async () => (await store.sessions.get({ ids: ['a'] }))[0];
    return { server, store, wa, row, state };
  }

  it('are not opened: ERROR, and they stay where they are', async () => {
    const { server, store, wa, row, state } = await startSession(PHONE, OTHER);
    await vi.waitFor(async () =>
      expect(await row()).toMatchObject({ status: 'ERROR', reason: { code: 'auth_wrong_number' } }),
    );
    const detail = (await row())?.reason?.detail ?? '';
    expect(detail).not.toContain(OTHER);
    expect(server.accepted).toBe(0);
    const kept = await createBaileysAuthState({ store: store.auth!, sessionId: 'a' });
    expect(kept.state.creds.me).toEqual(state.creds.me);
    // The right ones are there again: the next start takes them.
    Object.assign(kept.state.creds, server.createCredentials({ phone: PHONE }));
    await kept.saveCreds();
    await wa.sessions.start('a');
    await vi.waitFor(async () => expect(await row()).toMatchObject({ status: 'CONNECTED', phone: PHONE }));
  });

  it('are distinguished from one number that is written in two ways', async () => {
    const { row } = await startSession('+55 (11) 91111-0001', '551111110001');
    await vi.waitFor(async () => expect(await row()).toMatchObject({ status: 'CONNECTED', phone: '551111110001' }));
  });
});

describe('a store of credentials that hangs', () => {
  it('at the first read: never a new identity, tried again until it answers', async () => {
    const server = await startServer();
    const host = await startProvider(server, { authTimeoutMs: 200 });
    const session = await host.addSession('a', PHONE);
    const read = host.auth.read.bind(host.auth);
    host.auth.read = () => new Promise(() => {});
    const connection = host.open(session);
    const seen = await until(
      connection,
      (now) => now.kind === 'known' && now.reason?.code === 'store_timeout',
      'its timeout',
    );
    expect(seen.status).toBe('CONNECTING');
    expect(server.accepted).toBe(0);
    host.auth.read = read;
    await untilStatus(connection, 'CONNECTED');
    expect(server.connected()).toEqual([session.jid]);
  });

  it('or a source of the host that does keeps no place among the logins', async () => {
    const server = await startServer();
    const creds = server.createCredentials({ phone: PHONE });
    const host = await startProvider(server, {
      authTimeoutMs: 200,
      maxLogins: 1,
      auth: ({ sessionId }) =>
        sessionId === 'a'
          ? new Promise(() => {})
          : Promise.resolve({ state: createMemoryAuthState(creds), saveCreds: async () => {} }),
    });
    const hung = host.open(await host.addSession('a'));
    await untilStatus(host.open(await host.addSession('b')), 'CONNECTED');
    const seen = await until(hung, (now) => now.kind === 'known' && now.reason !== null, 'its timeout');
    expect(seen).toMatchObject({ status: 'CONNECTING', reason: { code: 'store_timeout' } });
    expect(server.connected()).toHaveLength(1);
  });

  it.each(['hangs', 'fails'] as const)(
    'or one that %s under an open session: degraded, and healthy once it answers',
    async (how) => {
      const server = await startServer();
      const host = await startProvider(server, { authTimeoutMs: 300 });
      const session = await host.addSession('a', PHONE);
      const connection = host.open(session);
      await untilStatus(connection, 'CONNECTED');
      const { read, write } = host.auth;
      const broken = () => (how === 'hangs' ? new Promise<never>(() => {}) : Promise.reject(new Error('disk full')));
      host.auth.read = broken;
      host.auth.write = broken;
      const ana = server.contact('5511988887777', 'Ana');
      await ana.sendText(PHONE, 'oi');
      const seen = await until(
        connection,
        (now) => now.kind === 'known' && now.health === 'degraded',
        'degraded health',
      );
      expect(seen).toMatchObject({ status: 'CONNECTED', reason: { code: 'auth_unavailable' } });
      host.auth.read = read;
      host.auth.write = write;
      await ana.sendText(PHONE, 'oi?');
      await until(connection, (now) => now.kind === 'known' && now.health === 'healthy', 'healthy again');
      expect(connection.snapshot()).toMatchObject({ status: 'CONNECTED', reason: null });
      expect(server.session(session.jid).logins).toBe(1);
    },
  );

  it('while a session is closed does not hold the close up for long', async () => {
    const server = await startServer();
    const host = await startProvider(server, { authTimeoutMs: 300 });
    const connection = host.open(await host.addSession('a', PHONE));
    await untilStatus(connection, 'CONNECTED');
    host.auth.write = () => new Promise(() => {});
    await server.contact('5511988887777', 'Ana').sendText(PHONE, 'oi');
    const startedMs = performance.now();
    await connection.close({ reason: 'shutdown' });
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect(server.connected()).toEqual([]);
  });
});

describe(`a server that sends garbage (WA_SYNC_SEED=${SEED})`, () => {
  /** A TCP server that answers whatever `answer` makes up. */
  async function startLiar(
    answer: (socket: Socket, request: string) => void,
  ): Promise<{ url: string; met: () => number }> {
    let met = 0;
    const open = new Set<Socket>();
    const server: Server = createServer((socket) => {
      met += 1;
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => open.delete(socket));
      socket.once('data', (request) => answer(socket, request.toString()));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    endLater(async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return { url: `ws://127.0.0.1:${address.port}/ws/chat`, met: () => met };
  }

  /** Shakes hands as a WebSocket does, and then says this. */
  const greet = (socket: Socket, request: string, frame: Buffer) => {
    const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
    socket.write(Buffer.concat([Buffer.from(head), Buffer.from([0x82, frame.length]), frame]));
  };

  it.each<readonly [string, (socket: Socket, request: string) => void]>([
    ['noise in the place of a handshake', (socket, request) => greet(socket, request, randomBytes(100))],
    ['an empty hello', (socket, request) => greet(socket, request, Buffer.from([0, 0, 0]))],
    ['a hello of another protocol', (socket, request) => greet(socket, request, Buffer.from([0, 0, 4, 0x1a, 2, 8, 1]))],
    ['no HTTP', (socket) => socket.write(randomBytes(500))],
    ['a page', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello')],
    ['a redirect', (socket) => socket.end('HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\n\r\n')],
    [
      'an upgrade with a wrong key',
      (socket) =>
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
        ),
    ],
    ['nothing, and the end', (socket) => socket.end()],
  ])('before the login: %s: never CONNECTED, tried again', async (_, answer) => {
    const server = await startServer();
    const liar = await startLiar(answer);
    const host = await startProvider(server, { attemptTimeoutMs: 300, socketConfig: { waWebSocketUrl: liar.url } });
    const connection = host.open(await host.addSession('a', PHONE));
    const statuses = recordStatuses(connection);
    await vi.waitFor(() => expect(liar.met()).toBeGreaterThan(2), { timeout: 10_000 });
    expect(statuses).toEqual(['CONNECTING']);
    expect(await host.storedCreds('a')).toBeDefined();
  });

  it('after the login, as stanzas that make no sense: never a crash, and well again afterwards', async () => {
    const server = await startServer();
    const chance = createChance('garbage');
    const host = await startProvider(server, { attemptTimeoutMs: 1_000 });
    const session = await host.addSession('a', PHONE);
    const connection = host.open(session);
    await untilStatus(connection, 'CONNECTED');
    const device = server.session(session.jid);
    const words = [
      'message',
      'receipt',
      'notification',
      'call',
      'iq',
      'ib',
      'success',
      'failure',
      'ack',
      'xmlstreamend',
      'stream:features',
      '',
    ];
    const attributes = ['from', 'id', 't', 'type', 'to', 'class', 'participant', 'xmlns', 'offline', 'count', 'code'];
    const values = [
      '',
      '0',
      '-1',
      'NaN',
      'result',
      'get',
      'set',
      's.whatsapp.net',
      '@',
      'x@lid',
      `${PHONE}@s.whatsapp.net`,
      'account_sync',
      'w:gp2',
      '9'.repeat(400),
      '\u0000',
    ];
    const node = (depth: number): { tag: string; attrs: Record<string, string>; content: unknown } => ({
      tag: chance.pick(words),
      attrs: Object.fromEntries(
        Array.from({ length: chance.between(0, 5) }, () => [chance.pick(attributes), chance.pick(values)]),
      ),
      content:
        depth > 2
          ? undefined
          : chance.pick([undefined, randomBytes(20), 'text', [node(depth + 1)], [node(depth + 1), node(depth + 1)]]),
    });
    let arrived = 0;
    for (let sent = 0; arrived < 120; sent++) {
      // Some make the client leave, or the test does: what would be sent meanwhile meets nobody.
      await vi.waitFor(() => expect(server.connected()).toContain(session.jid), { timeout: 15_000, interval: 10 });
      try {
        device.sendNode(node(0) as Parameters<typeof device.sendNode>[0]);
        arrived += 1;
      } catch (error) {
        // It left in this very moment, or the server's own encoder refuses the node.
        if (!/no open connection|connection \d+ is|needs a tag/i.test(String(error))) throw error;
      }
      if (sent % 40 === 20) device.connections[0]?.rst();
    }
    await vi.waitFor(async () => expect(await connection.probe({ timeoutMs: 1_000 })).toBe('answered'), {
      timeout: 15_000,
    });
    expect(await host.storedCreds('a')).toBeDefined();
  });
});
