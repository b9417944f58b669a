import { systemClock } from '@wa-sync/core';
import { expect, it } from 'vitest';
import { CloseMoment, untilClosed, type WhenClosed } from '../src/close/close-moment.js';
import { observeBaileysSocket } from '../src/index.js';
import { pingSocket } from '../src/socket/probe-socket.js';
import { sendText } from '../src/socket/send-text.js';
import { openSocket, startServer, untilStatus } from './kit.js';
import { ADA, PHONE } from './world.js';

it('keeps nothing of what waited for a close that did not come', async () => {
  const server = await startServer();
  const socket = openSocket(server, { phone: PHONE });
  await untilStatus(observeBaileysSocket({ sessionId: 'a', socket, onDead: 'report' }), 'CONNECTED');
  const moment = new CloseMoment();
  const whenClosed: WhenClosed = (run) => moment.whenClosed(run);
  const common = { socket, clock: systemClock, timeoutMs: 3_000, whenClosed };

  const asked = pingSocket(common);
  expect(moment.waiting()).toBe(1);
  await expect(asked).resolves.toBe('answered');
  expect(moment.waiting()).toBe(0);

  const { jid: chat } = server.contact(ADA, 'Ada');
  const sent = sendText({ ...common, chat, text: 'hello', messageId: '3EB00123456789ABCDEF' });
  expect(moment.waiting()).toBe(1);
  await expect(sent).resolves.toBe('sent');
  expect(moment.waiting()).toBe(0);
});

it('notifies all who wait when it comes, each once, and at once who asks later', async () => {
  const moment = new CloseMoment();
  const whenClosed: WhenClosed = (run) => moment.whenClosed(run);
  const told: string[] = [];
  whenClosed(() => told.push('first'));
  whenClosed(() => told.push('taken back'))();
  const until = untilClosed(whenClosed);
  moment.notify();
  moment.notify();
  await until;
  await untilClosed(whenClosed);
  whenClosed(() => told.push('late'));
  expect(told).toEqual(['first', 'late']);
  expect(moment.waiting()).toBe(0);
});
