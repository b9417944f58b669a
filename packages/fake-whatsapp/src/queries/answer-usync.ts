import type { Account, DeviceRegistry } from '../devices/device-registry.js';
import { type BinaryNode, childOf, childrenOf, readJid } from '../wire/binary-node.js';
import type { IqAnswer, IqContext } from './iq-context.js';

/** Answers who is on WhatsApp, under which LID, with which devices: protocol by protocol, as it was asked. */
export function answerUsync(iq: BinaryNode, context: IqContext): IqAnswer {
  const usync = childOf(iq, 'usync');
  const query = childOf(usync, 'query');
  const protocols = Array.isArray(query?.content) ? query.content.map(({ tag }) => tag) : [];
  const users = childrenOf(childOf(usync, 'list'), 'user');
  const content = users.map((user) => answerUser(user, protocols, context));
  return [
    {
      tag: 'usync',
      attrs: { sid: usync?.attrs.sid ?? '', index: '0', last: 'true', mode: 'query', context: 'interactive' },
      content: [
        { tag: 'result', attrs: {}, content: protocols.map((tag) => ({ tag, attrs: {} })) },
        { tag: 'list', attrs: {}, content },
      ],
    },
  ];
}

function answerUser(user: BinaryNode, protocols: string[], context: IqContext): BinaryNode {
  const asked = childOf(user, 'contact')?.content;
  const typed = asked instanceof Uint8Array ? Buffer.from(asked).toString() : typeof asked === 'string' ? asked : '';
  const account = findAccount(user.attrs.jid, typed, context);
  const jid = user.attrs.jid ?? `${account?.phone ?? typed.replace(/\D/g, '')}@s.whatsapp.net`;
  return {
    tag: 'user',
    attrs: { jid },
    content: protocols.map((protocol) => answerProtocol(protocol, account, context.registry)),
  };
}

function findAccount(jid: string | undefined, typed: string, context: IqContext): Account | undefined {
  const decoded = jid === undefined ? undefined : readJid(jid);
  if (decoded?.server === 'lid') return context.registry.accountByLid(decoded.user);
  const phone = decoded?.user ?? typed.replace(/\D/g, '');
  return phone !== '' && context.isOnWhatsApp(phone) ? context.registry.account(phone) : undefined;
}

function answerProtocol(protocol: string, account: Account | undefined, registry: DeviceRegistry): BinaryNode {
  switch (protocol) {
    case 'contact':
      return { tag: 'contact', attrs: { type: account ? 'in' : 'out' } };
    case 'lid':
      return { tag: 'lid', attrs: account ? { val: `${account.lidUser}@lid` } : {} };
    case 'devices':
      return {
        tag: 'devices',
        attrs: {},
        content: account ? [{ tag: 'device-list', attrs: {}, content: deviceList(account, registry) }] : [],
      };
    default:
      return { tag: protocol, attrs: {} };
  }
}

function deviceList(account: Account, registry: DeviceRegistry): BinaryNode[] {
  const companions = registry.devicesOf(account.phone).filter(({ linked, device }) => linked && device !== 0);
  return [
    { tag: 'device', attrs: { id: '0' } },
    ...companions.map(({ device }) => ({
      tag: 'device',
      attrs: { id: String(device), 'key-index': String(device) },
    })),
  ];
}
