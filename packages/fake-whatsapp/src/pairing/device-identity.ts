import { createHmac } from 'node:crypto';
import type { Baileys } from '../baileys/load-baileys.js';
import { type Account, deviceJid } from '../devices/device-registry.js';
import { type BinaryNode, S_WHATSAPP_NET } from '../wire/binary-node.js';

// What a signature of the phone over a device begins with.
const ACCOUNT_SIGNATURE_PREFIX = Buffer.from([6, 0]);

export type PairSuccess = {
  account: Account;
  device: number;
  /** Identity key of the device that is being linked. */
  deviceIdentityKey: Uint8Array;
  /** Shared by QR code or pairing code between phone and device, base64. */
  advSecretKey: string;
  stanzaId: string;
  /** What the phone runs on. */
  platform: string;
  /** Set for a business account. */
  businessName?: string;
};

/** The stanza that informs a device that it is linked, with its identity signed by the phone. */
export function pairSuccessNode(input: PairSuccess, baileys: Baileys): BinaryNode {
  const { account, device } = input;
  const content: BinaryNode[] = [
    { tag: 'device-identity', attrs: {}, content: signDeviceIdentity(input, baileys) },
    {
      tag: 'device',
      attrs: {
        jid: deviceJid(account.phone, device, 's.whatsapp.net'),
        lid: deviceJid(account.lidUser, device, 'lid'),
      },
    },
    { tag: 'platform', attrs: { name: input.platform } },
  ];
  if (input.businessName) content.push({ tag: 'biz', attrs: { name: input.businessName } });
  return {
    tag: 'iq',
    attrs: {
      from: S_WHATSAPP_NET,
      type: 'set',
      id: input.stanzaId,
      xmlns: 'md',
      t: String(Math.floor(Date.now() / 1000)),
    },
    content: [{ tag: 'pair-success', attrs: {}, content }],
  };
}

function signDeviceIdentity(
  { account, device, deviceIdentityKey, advSecretKey }: PairSuccess,
  { proto, Curve }: Baileys,
): Uint8Array {
  const details = proto.ADVDeviceIdentity.encode({
    rawId: device,
    timestamp: Math.floor(Date.now() / 1000),
    keyIndex: device,
  }).finish();
  const signed = proto.ADVSignedDeviceIdentity.encode({
    details,
    accountSignatureKey: account.identityKey.public,
    accountSignature: Curve.sign(
      account.identityKey.private,
      Buffer.concat([ACCOUNT_SIGNATURE_PREFIX, details, deviceIdentityKey]),
    ),
  }).finish();
  const hmac = createHmac('sha256', Buffer.from(advSecretKey, 'base64')).update(signed).digest();
  return proto.ADVSignedDeviceIdentityHMAC.encode({ details: signed, hmac }).finish();
}
