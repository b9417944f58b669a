import { type BinaryNode, childOf, childrenOf, S_WHATSAPP_NET } from '../wire/binary-node.js';
import { answerEncrypt } from './answer-encrypt.js';
import { answerUsync } from './answer-usync.js';
import type { IqAnswer, IqContext } from './iq-context.js';

type Answerer = (iq: BinaryNode, context: IqContext) => IqAnswer;

const PRIVACY_SETTINGS = {
  readreceipts: 'all',
  profile: 'all',
  status: 'contacts',
  online: 'all',
  last: 'contacts',
  groupadd: 'all',
  calladd: 'all',
} as const;

/** Query ids of the GraphQL layer that a client asks for by itself. */
const MEX_RESULTS: Record<string, Record<string, unknown>> = {
  '23983697327930364': { xwa2_fetch_account_reachout_timelock: { is_active: false } },
  '24503548349331633': { xwa2_message_capping_info: { total_quota: 1000, used_quota: 0 } },
};

// Namespaces that are not listed get an empty result, which is what most `set` requests expect.
const ANSWERS: Record<string, Answerer> = {
  encrypt: answerEncrypt,
  usync: answerUsync,
  abt: () => [
    { tag: 'props', attrs: { protocol: '1', ab_key: 'fake', hash: 'fake-1', refresh: '86400' }, content: [] },
  ],
  blocklist: (iq) => (iq.attrs.type === 'get' ? [{ tag: 'list', attrs: {}, content: [] }] : undefined),
  privacy: (iq) =>
    iq.attrs.type === 'get'
      ? [
          {
            tag: 'privacy',
            attrs: {},
            content: Object.entries(PRIVACY_SETTINGS).map(([name, value]) => ({
              tag: 'category',
              attrs: { name, value },
            })),
          },
        ]
      : undefined,
  'w:sync:app:state': answerAppStateSync,
  'w:mex': answerMex,
  'w:g2': () => [{ tag: 'groups', attrs: {}, content: [] }],
  'w:m': () => [
    {
      tag: 'media_conn',
      attrs: { auth: 'fake', ttl: '3600', auth_ttl: '3600', max_buckets: '12' },
      content: [{ tag: 'host', attrs: { hostname: '127.0.0.1' } }],
    },
  ],
  'w:profile:picture': (iq) =>
    iq.attrs.type === 'get' ? { error: { code: '404', text: 'item-not-found' } } : undefined,
  md: (iq, context) => {
    if (childOf(iq, 'remove-companion-device')) context.onRemoveDevice();
    return undefined;
  },
};

/** The stanza that answers an iq of a logged-in device. */
export function answerIq(iq: BinaryNode, context: IqContext): BinaryNode {
  const answer = ANSWERS[iq.attrs.xmlns ?? '']?.(iq, context);
  return answer && 'error' in answer
    ? iqReply(iq, 'error', [{ tag: 'error', attrs: answer.error }])
    : iqReply(iq, 'result', answer);
}

function iqReply(iq: BinaryNode, type: 'result' | 'error', content: BinaryNode[] | undefined): BinaryNode {
  return {
    tag: 'iq',
    attrs: {
      from: iq.attrs.to ?? S_WHATSAPP_NET,
      type,
      id: iq.attrs.id ?? '',
      t: String(Math.floor(Date.now() / 1000)),
    },
    content,
  };
}

function answerAppStateSync(iq: BinaryNode): IqAnswer {
  const asked = childrenOf(childOf(iq, 'sync'), 'collection');
  const content = asked.map(({ attrs }) => ({
    tag: 'collection',
    attrs: { name: attrs.name ?? '', version: attrs.version ?? '0', type: 'result' },
  }));
  return [{ tag: 'sync', attrs: {}, content }];
}

function answerMex(iq: BinaryNode): IqAnswer {
  const queryId = childOf(iq, 'query')?.attrs.query_id ?? '';
  const body = JSON.stringify({ data: MEX_RESULTS[queryId] ?? {} });
  return [{ tag: 'result', attrs: {}, content: Buffer.from(body) }];
}
