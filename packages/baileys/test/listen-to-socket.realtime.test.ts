import { expect, it } from 'vitest';
import { observeBaileysSocket } from '../src/index.js';
import { openSocket, startServer, untilStatus } from './kit.js';
import { PHONE } from './world.js';

const TROUBLE = new Error('a handler of the host fails');

function fail(): void {
  throw TROUBLE;
}

it('keeps the errors of handlers to itself while it watches a socket, and not once it has released it', async () => {
  const socket = openSocket(await startServer());
  socket.ws.on('CB:trouble', fail);
  const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'report' });
  expect(() => socket.ws.emit('CB:trouble')).not.toThrow();
  await connection.close({ reason: 'detached' });
  expect(() => socket.ws.emit('CB:trouble')).toThrow(TROUBLE);
});

it('keeps the errors of a socket that has ended to itself for good', async () => {
  const server = await startServer();
  const socket = openSocket(server, { phone: PHONE });
  socket.ws.on('CB:trouble', fail);
  const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'report' });
  await untilStatus(connection, 'CONNECTED');
  server.session(PHONE).fin();
  await untilStatus(connection, 'RECONNECTING');
  await connection.close({ reason: 'detached' });
  expect(() => socket.ws.emit('CB:trouble')).not.toThrow();
});

it('leaves no listener on a socket that it released', async () => {
  const socket = openSocket(await startServer());
  const count = () => ['frame', 'unexpected-response'].map((event) => socket.ws.listenerCount(event));
  const before = count();
  const connection = observeBaileysSocket({ sessionId: 'a', socket, onDead: 'report' });
  expect(count()).toEqual(before.map((listeners) => listeners + 1));
  await connection.close({ reason: 'detached' });
  expect(count()).toEqual(before);
});
