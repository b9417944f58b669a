import { expect, it } from 'vitest';
import { containListeners } from '../src/patches/contain-listeners.js';
import { openSocket, startServer } from './kit.js';

const TROUBLE = new Error('a handler fails');

function ears() {
  const broken: unknown[] = [];
  const failed: unknown[] = [];
  const handled: string[] = [];
  return {
    broken,
    failed,
    handled,
    onBroken: (error: unknown) => void broken.push(error),
    onHandlerError: (error: unknown) => void failed.push(error),
    onHandler: (_outcome: Promise<unknown>, kind: string) => void handled.push(kind),
  };
}

async function openWs() {
  return openSocket(await startServer()).ws;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

it('goes on after a listener that throws, and says that there were some', async () => {
  const ws = await openWs();
  const told = ears();
  const calls: unknown[] = [];
  ws.on('CB:trouble', () => {
    throw TROUBLE;
  });
  ws.on('CB:trouble', function (this: unknown, ...args: unknown[]) {
    calls.push(this, ...args);
  });
  containListeners(ws, told);
  expect(ws.emit('CB:trouble', 1, 2)).toBe(true);
  expect(calls).toEqual([ws, 1, 2]);
  expect(told.failed).toEqual([TROUBLE]);
  expect(ws.emit('CB:nobody')).toBe(false);
});

it('notices a promise that rejects, and distinguishes a broken stream from a failed stanza', async () => {
  const ws = await openWs();
  const told = ears();
  const fail = async () => {
    throw TROUBLE;
  };
  ws.on('CB:trouble', fail);
  ws.on('message', fail);
  containListeners(ws, told);
  ws.emit('CB:trouble');
  await settled();
  expect([told.failed, told.broken]).toEqual([[TROUBLE], []]);
  ws.emit('message', new Uint8Array());
  await settled();
  expect([told.failed.length, told.broken[0]]).toEqual([1, TROUBLE]);
});

it('follows the handling of live stanzas, of the kinds that a stalled connection leaves unhandled', async () => {
  const ws = await openWs();
  const told = ears();
  for (const kind of ['CB:call', 'CB:other']) ws.on(kind, async () => {});
  containListeners(ws, told);
  ws.emit('CB:other', { attrs: {} });
  ws.emit('CB:call', { attrs: { offline: '0' } });
  expect(told.handled).toEqual([]);
  // Baileys has a listener of its own for it.
  ws.emit('CB:call', { attrs: {} });
  expect(told.handled).toEqual(['CB:call', 'CB:call']);
});

it('leaves listeners what they are: for one time, taken away, taken away while it is their turn', async () => {
  const ws = await openWs();
  const told = ears();
  const calls: string[] = [];
  const last = () => void calls.push('last');
  const once = () => void calls.push('once');
  ws.once('CB:order', once);
  ws.on('CB:order', () => {
    calls.push('first');
    ws.off('CB:order', last);
  });
  ws.on('CB:order', last);
  containListeners(ws, told);
  expect(ws.listeners('CB:order')).toEqual([once, expect.any(Function), last]);
  ws.emit('CB:order');
  ws.emit('CB:order');
  expect(calls).toEqual(['once', 'first', 'last', 'first']);
});

it("contains one for a single time too, and lets what a host adds later be the host's affair", async () => {
  const ws = await openWs();
  const told = ears();
  const fail = () => {
    throw TROUBLE;
  };
  ws.once('CB:trouble', fail);
  containListeners(ws, told);
  expect(() => ws.emit('CB:trouble')).not.toThrow();
  expect(told.failed).toEqual([TROUBLE]);
  ws.on('CB:trouble', () => {
    throw TROUBLE;
  });
  expect(() => ws.emit('CB:trouble')).toThrow(TROUBLE);
  ws.on('CB:message', () => new Promise(() => {}));
  ws.emit('CB:message', { tag: 'message', attrs: { id: '1', from: 'nobody' } });
  expect(told.handled).toEqual(['CB:message']);
});

it('reports the handling to all who listen, and the errors to the one who came first', async () => {
  const ws = await openWs();
  const [one, other] = [ears(), ears()];
  const fail = () => {
    throw TROUBLE;
  };
  ws.on('CB:trouble', fail);
  const contained = containListeners(ws, one);
  ws.on('CB:later', () => fail());
  containListeners(ws, other);
  for (const event of ['CB:trouble', 'CB:later']) ws.emit(event);
  ws.emit('CB:receipt', { tag: 'receipt', attrs: { id: '1', from: 'nobody' } });
  expect([one.failed.length, other.failed.length]).toEqual([2, 0]);
  expect([one.handled, other.handled]).toEqual([['CB:receipt'], ['CB:receipt']]);
  contained.leave(one);
  ws.emit('CB:trouble');
  expect([one.failed.length, other.failed.length]).toEqual([2, 1]);
});

it('is gone with the last who listens', async () => {
  const ws = await openWs();
  const [one, other] = [ears(), ears()];
  ws.on('CB:trouble', () => {
    throw TROUBLE;
  });
  const contained = containListeners(ws, one);
  expect(containListeners(ws, other)).toBe(contained);
  contained.leave(one);
  contained.leave(other);
  expect(() => ws.emit('CB:trouble')).toThrow(TROUBLE);
  containListeners(ws, one);
  expect(() => ws.emit('CB:trouble')).not.toThrow();
});

it('leaves in its place what a host puts in front of emit, also for the next one who listens', async () => {
  const ws = await openWs();
  const told = ears();
  containListeners(ws, told).leave(told);
  const seen: unknown[] = [];
  const { emit } = ws;
  ws.emit = (event: string, ...args: unknown[]) => {
    seen.push(event);
    return emit(event, ...args);
  };
  ws.on('CB:trouble', () => {
    throw TROUBLE;
  });
  containListeners(ws, told);
  expect(ws.emit('CB:trouble')).toBe(true);
  expect([seen, told.failed]).toEqual([['CB:trouble'], [TROUBLE]]);
});

it('hears of the promise that a message listener drops, as the one of Baileys 6 does', async () => {
  const ws = await openWs();
  const told = ears();
  const decode = async () => {
    await settled();
    throw TROUBLE;
  };
  ws.on('message', () => {
    void decode();
  });
  containListeners(ws, told);
  ws.emit('message', Buffer.alloc(0));
  await settled();
  await settled();
  expect(told.broken).toEqual([TROUBLE]);
});

it('hears of the promise that a handler of a stanza drops, also where nobody listens any more when it rejects', async () => {
  const ws = await openWs();
  const told = ears();
  const reply = async () => {
    await settled();
    throw TROUBLE;
  };
  ws.on('CB:dropping', () => {
    void reply();
  });
  ws.on('CB:late', reply);
  const contained = containListeners(ws, told);
  ws.emit('CB:dropping');
  ws.emit('CB:late');
  contained.leave(told);
  await settled();
  await settled();
  expect(told.failed).toEqual([TROUBLE, TROUBLE]);
});

it('does not take the promise of a handler for that of the decoder', async () => {
  const ws = await openWs();
  const told = ears();
  ws.on('message', () => {
    ws.emit('CB:decoded');
  });
  containListeners(ws, told);
  ws.on('CB:decoded', () => {
    // The host knows of it and catches it itself.
    Promise.reject(TROUBLE).catch(() => {});
  });
  ws.emit('message', Buffer.alloc(0));
  await settled();
  expect(told.broken).toEqual([]);
});
