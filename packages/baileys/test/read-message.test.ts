import { describe, expect, it } from 'vitest';
import type { BaileysMessageLike } from '../src/index.js';
import { readMessage } from '../src/messages/read-message.js';

const PN = '491700000001@s.whatsapp.net';
const LID = '77700000001@lid';
const words = { conversation: 'hello' };

function message(
  remoteJid: string,
  rest: Partial<Omit<BaileysMessageLike, 'message'>> & { key?: object; message?: object | null } = {},
): BaileysMessageLike {
  const { key, ...others } = rest;
  return {
    key: { remoteJid, id: 'A', fromMe: false, ...key },
    message: words,
    messageTimestamp: 1_700_000_000,
    ...others,
  };
}

describe('readMessage', () => {
  it.each([
    ['a phone number', message(PN), { phoneJid: PN, lidJid: null, chat: PN }],
    ['a LID', message(LID), { phoneJid: null, lidJid: LID, chat: LID }],
    ['a LID beside a phone number', message(PN, { key: { remoteJidAlt: LID } }), { phoneJid: PN, lidJid: LID }],
    ['a phone number beside a LID', message(LID, { key: { remoteJidAlt: PN } }), { phoneJid: PN, lidJid: LID }],
    ['a device', message(LID, { key: { remoteJidAlt: '491700000001:3@s.whatsapp.net' } }), { phoneJid: PN }],
    ['a group', message('1203@g.us', { key: { participant: PN } }), { isGroup: true, phoneJid: null, lidJid: null }],
    ['oneself', message(PN, { key: { fromMe: true } }), { from: 'agent', isReplay: false }],
    ['what could not be decrypted', message(PN, { message: null, messageStubType: 2 }), { from: 'contact' }],
    [
      'a number as a Long',
      message(PN, { messageTimestamp: { toString: () => '1700000000' } }),
      { at: new Date(1_700_000_000_000) },
    ],
    ['no time', message(PN, { messageTimestamp: null }), { at: null }],
    ['a time that is none', message(PN, { messageTimestamp: 'soon' }), { at: null }],
  ])('reads %s', (_what, given, expected) => {
    expect(readMessage(given, 'notify')).toMatchObject(expected);
  });

  it.each([
    ['a status update', message('status@broadcast', { key: { participant: PN } })],
    ['a broadcast list', message('123@broadcast')],
    ['a channel', message('123@newsletter')],
    ['an address that is none', message('nobody')],
    ['a notice of a group', message('1203@g.us', { message: null, messageStubType: 27 })],
    ['what devices send each other', message(PN, { category: 'peer' })],
    ['a reaction', message(PN, { message: { reactionMessage: {} } })],
    ['a deletion', message(PN, { message: { protocolMessage: {} } })],
    ['a wrapped edit', message(PN, { message: { ephemeralMessage: { message: { editedMessage: {} } } } })],
    ['nothing', message(PN, { message: {} })],
    ['no message', message(PN, { message: null })],
    ['keys alone', message(PN, { message: { senderKeyDistributionMessage: {}, messageContextInfo: {} } })],
  ])('leaves out %s', (_what, given) => {
    expect(readMessage(given, 'notify')).toBeNull();
  });

  it('calls late what is appended, but for what this number wrote', () => {
    expect(readMessage(message(PN), 'append')?.isReplay).toBe(true);
    expect(readMessage(message(PN, { key: { fromMe: true } }), 'append')?.isReplay).toBe(false);
  });
});
