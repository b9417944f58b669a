import { makeEventBuffer, type WAMessage } from '@whiskeysockets/baileys';
import { expect, it } from 'vitest';
import { tapMessages } from '../src/messages/tap-messages.js';
import { quietLogger } from './kit.js';

function start() {
  const ev = makeEventBuffer(quietLogger as Parameters<typeof makeEventBuffer>[0]);
  const heard: string[] = [];
  const tap = tapMessages({
    socket: { ev },
    onMessages: (messages, type) => heard.push(...messages.map(({ key }) => `${key.id} ${type}`)),
  });
  const message = (id: string): WAMessage => ({ key: { remoteJid: '491700000001@s.whatsapp.net', id, fromMe: false } });
  return {
    ev,
    heard,
    tap,
    message,
    upsert: (id: string, type: 'notify' | 'append' = 'notify') =>
      ev.emit('messages.upsert', { messages: [message(id)], type }),
  };
}

it('hears each message once, when the buffer lets it out', () => {
  const { ev, heard, upsert } = start();
  upsert('A');
  ev.buffer();
  upsert('B', 'append');
  expect(heard).toEqual(['A notify']);
  ev.flush();
  expect(heard).toEqual(['A notify', 'B append']);
});

it('F39: hands on what a destroyed buffer held, and what is emitted too late', () => {
  const { ev, heard, tap, upsert } = start();
  ev.buffer();
  upsert('A', 'append');
  ev.destroy();
  tap.end();
  upsert('B');
  expect(heard).toEqual(['A append', 'B notify']);
});

it('hears a live message that comes out with the history only, and not the rest of the history', () => {
  const { ev, heard, message, upsert } = start();
  ev.buffer();
  ev.emit('messaging-history.set', {
    chats: [],
    contacts: [],
    messages: [message('A'), message('old')],
    isLatest: true,
  });
  upsert('A');
  ev.flush();
  expect(heard).toEqual(['A notify']);
});

it('passes nothing on once released', () => {
  const { ev, heard, tap, upsert } = start();
  ev.buffer();
  upsert('A');
  tap.release();
  ev.flush();
  upsert('B');
  expect(heard).toEqual([]);
});
