import { createHash } from 'node:crypto';
import type { Device, PublicPreKey, PublicSignedPreKey } from '../devices/device-registry.js';
import { bigEndian, bundleNode, KEY_TYPE_CURVE25519, signedPreKeyNode } from '../devices/key-bundle.js';
import { type BinaryNode, childBytes, childNumber, childOf, childrenOf } from '../wire/binary-node.js';
import type { IqAnswer, IqContext } from './iq-context.js';

/** What Baileys uploads at the first login. */
export const FULL_STOCK = 812;

/** Answers what a device asks of the key directory: its own stock, its own keys, other people's bundles. */
export function answerEncrypt(iq: BinaryNode, context: IqContext): IqAnswer {
  const { device } = context;
  if (iq.attrs.type === 'set') {
    const rotated = childOf(iq, 'rotate');
    storeKeys(device, rotated ?? iq);
    return undefined;
  }
  if (childOf(iq, 'count')) {
    const known = device.preKeys.length + (device.earlierPreKeys ?? 0);
    const count = context.preKeys === 'plenty' ? Math.max(FULL_STOCK, known) : known;
    return [{ tag: 'count', attrs: { value: String(count) } }];
  }
  if (childOf(iq, 'digest')) return answerDigest(device, context.preKeys);
  const wanted = childrenOf(childOf(iq, 'key'), 'user');
  const users = wanted.map(({ attrs }): BinaryNode => {
    const jid = attrs.jid ?? '';
    const bundle = context.takeBundle(jid);
    return bundle
      ? bundleNode(jid, bundle)
      : { tag: 'user', attrs: { jid }, content: [{ tag: 'error', attrs: { code: '404', text: 'item-not-found' } }] };
  });
  return [{ tag: 'list', attrs: {}, content: users }];
}

function storeKeys(device: Device, node: BinaryNode): void {
  const registrationId = childNumber(node, 'registration', 4);
  const identityKey = childBytes(node, 'identity');
  const signed = childOf(node, 'skey');
  if (registrationId !== undefined) device.registrationId = registrationId;
  if (identityKey) device.identityKey = Buffer.from(identityKey);
  if (signed) device.signedPreKey = readSignedPreKey(signed);
  for (const key of childrenOf(childOf(node, 'list'), 'key')) {
    device.preKeys.push(readPreKey(key));
  }
}

function readPreKey(node: BinaryNode): PublicPreKey {
  const publicKey = childBytes(node, 'value');
  const keyId = childNumber(node, 'id', 3);
  if (!publicKey || keyId === undefined) throw new Error('A prekey came without its id or value');
  return { keyId, publicKey: Buffer.from(publicKey) };
}

function readSignedPreKey(node: BinaryNode): PublicSignedPreKey {
  const signature = childBytes(node, 'signature');
  if (!signature) throw new Error('A signed prekey came without its signature');
  return { ...readPreKey(node), signature: Buffer.from(signature) };
}

function answerDigest(device: Device, preKeys: IqContext['preKeys']): IqAnswer {
  if (!device.identityKey || !device.signedPreKey) {
    // A client that finds no digest uploads its keys; with `plenty` it is to be left in peace.
    return preKeys === 'plenty' ? [{ tag: 'digest', attrs: {} }] : { error: { code: '404', text: 'item-not-found' } };
  }
  const hash = createHash('sha1').update(device.identityKey).update(device.signedPreKey.publicKey);
  for (const key of device.preKeys) hash.update(key.publicKey);
  return [
    {
      tag: 'digest',
      attrs: {},
      content: [
        { tag: 'registration', attrs: {}, content: bigEndian(device.registrationId ?? 0, 4) },
        { tag: 'type', attrs: {}, content: KEY_TYPE_CURVE25519 },
        { tag: 'identity', attrs: {}, content: device.identityKey },
        signedPreKeyNode(device.signedPreKey),
        {
          tag: 'list',
          attrs: {},
          content: device.preKeys.map(({ keyId }) => ({ tag: 'id', attrs: {}, content: bigEndian(keyId, 3) })),
        },
        { tag: 'hash', attrs: {}, content: hash.digest() },
      ],
    },
  ];
}
