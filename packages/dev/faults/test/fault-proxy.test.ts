import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { drawFaults, type FaultProxy, type LinkFault, startFaultProxy } from '../index.js';

/** Answers every byte with the same byte, and remembers what it received. */
interface Echo {
  readonly port: number;
  readonly heard: string[];
  readonly sockets: Socket[];
  close(): Promise<void>;
}

async function startEcho(): Promise<Echo> {
  const heard: string[] = [];
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      heard.push(data.toString());
      socket.write(data);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    heard,
    sockets,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A client that keeps what it got, and how it ended. */
function open(port: number) {
  const socket = connect(port, '127.0.0.1');
  const got = { text: '', code: null as string | null, ended: false };
  socket.on('data', (data) => {
    got.text += data.toString();
  });
  socket.on('end', () => {
    got.ended = true;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    got.code = error.code ?? 'none';
  });
  return { socket, got, closed: new Promise((resolve) => socket.once('close', resolve)) };
}

const until = (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 5 });

let echo: Echo;
let proxy: FaultProxy;
beforeEach(async () => {
  echo = await startEcho();
  proxy = await startFaultProxy({ port: echo.port });
});
afterEach(async () => {
  await proxy.close();
  await echo.close();
});

describe('a proxy without a fault', () => {
  it('passes both ways, and an end behind all that came before it', async () => {
    const text = 'x'.repeat(3_000_000);
    const { socket, got, closed } = open(proxy.port);
    socket.end(text);
    await closed;
    expect(got).toEqual({ text, code: null, ended: true });
    await until(() => expect(proxy.open).toBe(0));
    expect(proxy.counts).toEqual({ connections: 1, cut: 0, reset: 0, 'black-hole': 0, delay: 0 });
  });

  it('ends a connection whose server is not there', async () => {
    await echo.close();
    const { got, closed } = open(proxy.port);
    await closed;
    expect(got.text).toBe('');
    await until(() => expect(proxy.open).toBe(0));
  });

  it('leads elsewhere what comes after a change of target', async () => {
    const other = await startEcho();
    const first = open(proxy.port);
    first.socket.write('a');
    await until(() => expect(first.got.text).toBe('a'));
    proxy.retarget({ port: other.port });
    const second = open(proxy.port);
    second.socket.write('b');
    first.socket.write('c');
    await until(() => expect([first.got.text, second.got.text]).toEqual(['ac', 'b']));
    expect([echo.heard.join(''), other.heard.join('')]).toEqual(['ac', 'b']);
    await proxy.close();
    await other.close();
  });
});

describe('a cut', () => {
  it('falls in the middle of an answer, and what came before it arrives', async () => {
    proxy.plan(() => ({ kind: 'cut', direction: 'to-client', afterBytes: 7 }));
    const { socket, got, closed } = open(proxy.port);
    socket.write('0123456789');
    await closed;
    expect(got).toEqual({ text: '0123456', code: null, ended: true });
    expect(echo.heard.join('')).toBe('0123456789');
    expect(proxy.counts).toMatchObject({ connections: 1, cut: 1 });
  });

  it('falls in the middle of a question', async () => {
    proxy.plan(() => ({ kind: 'cut', direction: 'to-server', afterBytes: 4 }));
    const { socket, closed } = open(proxy.port);
    socket.write('0123456789');
    await closed;
    await until(() => expect(echo.heard.join('')).toBe('0123'));
  });

  it('counts both directions where none is named', async () => {
    proxy.plan(() => ({ kind: 'cut', afterBytes: 15 }));
    const { socket, got, closed } = open(proxy.port);
    socket.write('0123456789');
    await closed;
    expect(got.text).toBe('01234');
  });

  it('comes at once to what is open, and not to what comes later', async () => {
    const first = open(proxy.port);
    first.socket.write('a');
    await until(() => expect(first.got.text).toBe('a'));
    proxy.apply({ kind: 'cut' });
    await first.closed;
    const second = open(proxy.port);
    second.socket.write('b');
    await until(() => expect(second.got.text).toBe('b'));
    expect(proxy.counts).toMatchObject({ connections: 2, cut: 1 });
  });

  it('is not undone by a healing that comes right after it', async () => {
    for (const kind of ['cut', 'reset'] as const) {
      const { socket, got, closed } = open(proxy.port);
      socket.write('a');
      await until(() => expect(got.text).toBe('a'));
      proxy.apply({ kind });
      proxy.heal();
      await closed;
    }
    expect(proxy.open).toBe(0);
  });

  it('is not put off by a server that does not read', async () => {
    const { socket, closed } = open(proxy.port);
    socket.write('a');
    await until(() => expect(echo.sockets).toHaveLength(1));
    echo.sockets[0]?.pause();
    socket.write('x'.repeat(20_000_000));
    await until(() => expect(socket.writableLength).toBeGreaterThan(0));
    proxy.apply({ kind: 'cut' });
    await closed;
  });
});

it('a reset is an ECONNRESET, in the middle of an answer too', async () => {
  proxy.plan(() => ({ kind: 'reset', direction: 'to-client', afterBytes: 7 }));
  const { socket, got, closed } = open(proxy.port);
  socket.write('0123456789');
  await closed;
  expect(got).toEqual({ text: '0123456', code: 'ECONNRESET', ended: false });
  expect(proxy.counts).toMatchObject({ reset: 1 });
});

describe('a black hole', () => {
  it('in one direction lets questions through and holds answers until it is over', async () => {
    const { socket, got } = open(proxy.port);
    socket.write('a');
    await until(() => expect(got.text).toBe('a'));
    proxy.apply({ kind: 'black-hole', direction: 'to-client' });
    socket.write('bc');
    await until(() => expect(echo.heard.join('')).toBe('abc'));
    // The server's answer passed its own socket, so a proxy that lets it through would have been seen to.
    await until(() => expect(echo.sockets[0]?.bytesWritten).toBe(3));
    expect(got.text).toBe('a');
    proxy.heal();
    await until(() => expect(got.text).toBe('abc'));
    expect(proxy.counts['black-hole']).toBe(1);
  });

  it('in both holds also an end, and delivers late what a client that gave up had sent', async () => {
    proxy.plan(() => ({ kind: 'black-hole' }));
    const { socket, closed } = open(proxy.port);
    socket.write('late', () => socket.destroy());
    await closed;
    await until(() => expect(echo.sockets).toHaveLength(1));
    expect(proxy.open).toBe(1);
    expect(echo.heard).toEqual([]);
    proxy.plan(null);
    proxy.heal();
    await until(() => expect(echo.heard).toEqual(['late']));
    await until(() => expect(proxy.open).toBe(0));
  });

  it('is over by itself, and the next fault of the plan follows', async () => {
    const faults: LinkFault[] = [
      { kind: 'black-hole', direction: 'to-server', afterBytes: 1, lastsMs: 30 },
      { kind: 'cut', direction: 'to-client', afterBytes: 3 },
    ];
    proxy.plan(() => faults.shift() ?? null);
    const { socket, got, closed } = open(proxy.port);
    socket.write('01234');
    await closed;
    expect(got.text).toBe('0123');
    expect(proxy.counts).toMatchObject({ 'black-hole': 1, cut: 1 });
  });

  it('keeps little of what a client goes on sending', async () => {
    proxy.plan(() => ({ kind: 'black-hole' }));
    const { socket } = open(proxy.port);
    for (let count = 0; count < 64; count += 1) socket.write(Buffer.alloc(1_000_000, 'x'));
    await new Promise((resolve) => setTimeout(resolve, 200));
    // One MB waits here, some more in the system's own buffers; the rest stays with the sender.
    expect(socket.writableLength).toBeGreaterThan(32_000_000);
    expect(proxy.counts.connections).toBe(1);
    socket.destroy();
  });
});

it('a delay keeps the order, and what comes when it is over does not overtake it', async () => {
  const over = new Promise<void>((resolve) => {
    const faults: LinkFault[] = [{ kind: 'delay', direction: 'to-server', afterBytes: 1, delayMs: 120, lastsMs: 1 }];
    proxy.plan(() => {
      if (faults.length === 0) resolve();
      return faults.shift() ?? null;
    });
  });
  const { socket, got } = open(proxy.port);
  const startedAt = performance.now();
  socket.write('abcdefg');
  await over;
  socket.write('h');
  await until(() => expect(got.text).toBe('a'));
  await until(() => expect(got.text).toBe('abcdefgh'));
  expect(performance.now() - startedAt).toBeGreaterThan(115);
  expect(echo.heard[0]).toBe('a');
  expect(proxy.counts.delay).toBe(1);
});

describe('faults', () => {
  it('of a script go by the number of the connection', async () => {
    proxy.plan((link) => (link === 2 ? { kind: 'cut', direction: 'to-client', afterBytes: 2 } : null));
    const clients = [open(proxy.port), open(proxy.port), open(proxy.port)];
    await until(() => expect(proxy.counts.connections).toBe(3));
    for (const { socket } of clients) socket.write('abc');
    await until(() => expect(clients.map(({ got }) => got.text).sort()).toEqual(['ab', 'abc', 'abc']));
  });

  it('drawn from a seed are the same each time, of every kind asked for, and within their bounds', () => {
    const kinds = ['cut', 'reset', 'black-hole', 'delay'] as const;
    const draw = (seed: number) => {
      const plan = drawFaults({ seed, kinds, afterBytes: [5, 9], delayMs: [2, 3], lastsMs: [4, 6] });
      return Array.from({ length: 400 }, (_, link) => plan(link));
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    const drawn = draw(7).filter((fault) => fault !== null);
    expect(new Set(drawn.map((fault) => fault.kind))).toEqual(new Set(kinds));
    expect(new Set(drawn.map((fault) => fault.direction))).toEqual(new Set(['to-server', 'to-client', undefined]));
    expect(new Set(drawn.map((fault) => fault.afterBytes))).toEqual(new Set([5, 6, 7, 8, 9]));
    const lasts = drawn.flatMap((fault) => ('lastsMs' in fault ? [fault.lastsMs] : []));
    expect(new Set(lasts)).toEqual(new Set([4, 5, 6]));
    expect(() => drawFaults({ seed: 1, kinds: [] })).toThrow(RangeError);
  });

  it('by chance never mix up what arrives', async () => {
    proxy.plan(drawFaults({ seed: 3, kinds: ['cut', 'reset', 'black-hole', 'delay'], afterBytes: [0, 60] }));
    const sent = Array.from({ length: 40 }, (_, index) => `${index};`).join('');
    for (let round = 0; round < 40; round += 1) {
      const { socket, got, closed } = open(proxy.port);
      socket.write(sent);
      const whole = until(() => expect(got.text.length).toBe(sent.length));
      await Promise.race([closed, whole]);
      whole.catch(() => {});
      expect(sent.startsWith(got.text)).toBe(true);
      socket.destroy();
    }
    const { connections, cut, reset, 'black-hole': held, delay } = proxy.counts;
    expect(connections).toBe(40);
    for (const count of [cut, reset, held, delay]) expect(count).toBeGreaterThan(0);
  });
});

it('closing leaves neither a socket nor a timer, whatever goes on', async () => {
  const count = () => process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name)).length;
  const before = count();
  const own = await startFaultProxy({ port: echo.port });
  const faults: LinkFault[] = [
    { kind: 'black-hole', lastsMs: 60_000 },
    { kind: 'delay', delayMs: 60_000, lastsMs: 60_000 },
    { kind: 'cut', direction: 'to-client', afterBytes: 1_000 },
  ];
  own.plan((link) => faults[link - 1] ?? null);
  const clients = faults.map(() => open(own.port));
  for (const { socket } of clients) socket.write('abc');
  await until(() => expect(own.counts).toMatchObject({ connections: 3, 'black-hole': 1, delay: 1 }));
  await until(() => expect(echo.sockets).toHaveLength(3));
  await own.close();
  expect(own.open).toBe(0);
  await Promise.all(clients.map(({ closed }) => closed));
  await until(() => expect(echo.sockets.every((socket) => socket.destroyed)).toBe(true));
  await until(() => expect(count()).toBeLessThanOrEqual(before));
});
