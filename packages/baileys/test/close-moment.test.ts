import { systemClock } from '@wa-sync/core';
import { expect, it } from 'vitest';
import { createCloseMoment, untilClosed } from '../src/close-moment.js';
import { observeBaileysSocket } from '../src/index.js';
import { pingSocket } from '../src/probe-socket.js';
import { sendText } from '../src/send-text.js';
import { openSocket, startServer, untilStatus } from './kit.js';
import { ADA, PHONE } from './world.js';

it('keeps nothing of what waited for a close that did not come', async () => {
  const server = await startServer();
  const socket = openSocket(server, { phone: PHONE });
  await untilStatus(observeBaileysSocket({ sessionId: 'a', socket, onDead: 'report' }), 'CONNECTED');
  const { whenClosed, waiting } = createCloseMoment();
  const common = { socket, clock: systemClock, timeoutMs: 3_000, whenClosed };

  const asked = pingSocket(common);
  expect(waiting()).toBe(1);
  await expect(asked).resolves.toBe('answered');
  expect(waiting()).toBe(0);

  const { jid: chat } = server.contact(ADA, 'Ada');
  const sent = sendText({ ...common, chat, text: 'hello', messageId: '3EB00123456789ABCDEF' });
  expect(waiting()).toBe(1);
  await expect(sent).resolves.toBe('sent');
  expect(waiting()).toBe(0);
});

it('tells all who wait when it comes, each once, and at once who asks later', async () => {
  const { whenClosed, tell, waiting } = createCloseMoment();
  const told: string[] = [];
  whenClosed(() => told.push('first'));
  whenClosed(() => told.push('taken back'))();
  const until = untilClosed(whenClosed);
  tell();
  tell();
  await until;
  await untilClosed(whenClosed);
  whenClosed(() => told.push('late'));
  expect(told).toEqual(['first', 'late']);
  expect(waiting()).toBe(0);
});
