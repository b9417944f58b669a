import { randomBytes } from 'node:crypto';
import type { ClientPayload } from '../baileys/baileys-members.js';
import type { Baileys } from '../baileys/load-baileys.js';
import { type Device, type DeviceRegistry, phoneOf } from '../devices/device-registry.js';
import type { ServerConnection } from '../link/connection.js';
import type { Connection } from '../link/connection-view.js';
import type { ServerSession } from '../session/session.js';
import type { Waiter, WaitOptions } from '../session/waiter.js';
import { type BinaryNode, childBytes, childOf, S_WHATSAPP_NET } from '../wire/binary-node.js';
import { pairSuccessNode } from './device-identity.js';
import { type CodeRequest, enterCode } from './pairing-code.js';

/** Who scans or types the code. */
export type PairOptions = WaitOptions & {
  /** Phone number of the account; digits, other characters are dropped. */
  phone: string;
  /** Number of the new device. Default: one more than the last of this phone. */
  device?: number;
  /** What the phone runs on. Default: `android`. */
  platform?: string;
  /** Makes it a business account of this name. */
  businessName?: string;
};

export type PairingDesk = {
  /** Greets a client without credentials: sends the refs that it shows as QR codes. */
  admit(connection: ServerConnection, payload: ClientPayload, noiseKey: Buffer): void;
  /** Takes a stanza of a client that is pairing. */
  receive(connection: ServerConnection, node: BinaryNode): void;
  /** The phone scans a QR code. */
  scan(qr: string, options: PairOptions): Promise<ServerSession>;
  /** Somebody types a pairing code on the phone. */
  enterCode(code: string, options: PairOptions): Promise<ServerSession>;
  /** Forgets a client whose connection is gone. */
  dismiss(connection: ServerConnection): void;
};

type Applicant = {
  connection: ServerConnection;
  payload: ClientPayload;
  noiseKey: Buffer;
  codeRequest?: CodeRequest;
  codeFinish?: BinaryNode;
  signed?: boolean;
};

export type PairingRules = {
  baileys: Baileys;
  registry: DeviceRegistry;
  qrRefs: number;
  waiter: Waiter;
  sessionOf(device: Device): ServerSession;
};

export function createPairingDesk(rules: PairingRules): PairingDesk {
  const applicants = new Map<Connection, Applicant>();

  function waiting(): Applicant[] {
    return [...applicants.values()].filter(({ connection }) => connection.waitsForPairing);
  }

  async function link(applicant: Applicant, advSecretKey: string, options: PairOptions): Promise<ServerSession> {
    const { connection, payload, noiseKey } = applicant;
    const identityKey = payload.devicePairingData?.eIdent;
    if (!identityKey) throw new Error('The client registered without an identity key');
    const account = rules.registry.account(phoneOf(options.phone));
    const device = options.device ?? account.nextDevice;
    const { platform = 'android', businessName } = options;
    if (businessName !== undefined) account.name = businessName;
    const stanzaId = pairStanzaId(connection);
    const deviceIdentityKey = identityKey;
    connection.sendNode(
      pairSuccessNode(
        { account, device, deviceIdentityKey, advSecretKey, stanzaId, platform, businessName },
        rules.baileys,
      ),
    );
    await rules.waiter.until(() => applicant.signed, 'the device to sign its identity', options);

    const record = rules.registry.addDevice({
      phone: account.phone,
      device,
      noiseKey,
      identityKey: Buffer.from(identityKey),
      awaitsHistory: true,
      ...readRegisteredKeys(payload),
    });
    const session = rules.sessionOf(record);
    session.attach(connection);
    session.note('paired', connection);
    applicants.delete(connection);
    connection.streamError(515);
    return session;
  }

  function receiveCodeStage(applicant: Applicant, iq: BinaryNode, stage: BinaryNode): void {
    const { connection } = applicant;
    if (stage.attrs.stage === 'companion_hello') {
      const wrapped = childBytes(stage, 'link_code_pairing_wrapped_companion_ephemeral_pub');
      if (!wrapped) return;
      const ref = randomBytes(16);
      applicant.codeRequest = {
        phone: phoneOf(stage.attrs.jid ?? ''),
        ref,
        wrappedEphemeralKey: Buffer.from(wrapped),
      };
      const refNode: BinaryNode = { tag: 'link_code_pairing_ref', attrs: {}, content: ref };
      connection.sendNode(
        resultNode(iq, [{ tag: 'link_code_companion_reg', attrs: { stage: 'companion_hello' }, content: [refNode] }]),
      );
    } else {
      applicant.codeFinish = stage;
      connection.sendNode(resultNode(iq));
    }
    rules.waiter.changed();
  }

  return {
    admit(connection, payload, noiseKey) {
      applicants.set(connection, { connection, payload, noiseKey });
      const refs = Array.from({ length: rules.qrRefs }, () => `2@${randomBytes(48).toString('base64')}`);
      connection.setPairingRefs(refs);
      const content = refs.map((ref) => ({ tag: 'ref', attrs: {}, content: Buffer.from(ref) }));
      connection.sendNode({
        tag: 'iq',
        attrs: { from: S_WHATSAPP_NET, type: 'set', id: `refs-${connection.id}`, xmlns: 'md' },
        content: [{ tag: 'pair-device', attrs: {}, content }],
      });
      connection.setStage('pairing');
    },

    receive(connection, node) {
      const applicant = applicants.get(connection);
      if (!applicant || node.tag !== 'iq') return;
      const codeStage = childOf(node, 'link_code_companion_reg');
      if (codeStage) {
        receiveCodeStage(applicant, node, codeStage);
      } else if (node.attrs.id === pairStanzaId(connection) && childOf(node, 'pair-device-sign')) {
        applicant.signed = true;
        rules.waiter.changed();
      } else if (node.attrs.type === 'get' || node.attrs.type === 'set') {
        if (!connection.isIgnored(node)) connection.sendNode(resultNode(node));
      }
    },

    async scan(qr, options) {
      const [ref = '', , , advSecretKey = ''] = qr.slice(qr.indexOf('#') + 1).split(',');
      const applicant = waiting().find(({ connection }) => connection.pairingRefs.includes(ref));
      if (!applicant) throw new Error('No client that waits for pairing shows this QR code');
      return link(applicant, advSecretKey, options);
    },

    async enterCode(code, options) {
      const phone = phoneOf(options.phone);
      const applicant = await rules.waiter.until(
        () => waiting().findLast(({ codeRequest }) => codeRequest?.phone === phone),
        `a client that asks ${phone} for a pairing code`,
        options,
      );
      const exchange = await enterCode(applicant.codeRequest!, code, rules.registry.account(phone));
      applicant.codeFinish = undefined;
      applicant.connection.sendNode(exchange.notification);
      const finish = await rules.waiter.until(
        () => applicant.codeFinish,
        'the client to answer the pairing code',
        options,
      );
      return link(applicant, exchange.finish(finish).advSecretKey, options);
    },

    dismiss(connection) {
      applicants.delete(connection);
    },
  };
}

function pairStanzaId(connection: Connection): string {
  return `pair-${connection.id}`;
}

function resultNode(iq: BinaryNode, content?: BinaryNode[]): BinaryNode {
  return { tag: 'iq', attrs: { from: S_WHATSAPP_NET, type: 'result', id: iq.attrs.id ?? '' }, content };
}

function readRegisteredKeys(payload: ClientPayload): Pick<Device, 'registrationId' | 'signedPreKey'> {
  const data = payload.devicePairingData;
  if (!data?.eSkeyId || !data.eSkeyVal || !data.eSkeySig || !data.eRegid) return {};
  return {
    registrationId: Buffer.from(data.eRegid).readUIntBE(0, data.eRegid.length),
    signedPreKey: {
      keyId: Buffer.from(data.eSkeyId).readUIntBE(0, data.eSkeyId.length),
      publicKey: Buffer.from(data.eSkeyVal),
      signature: Buffer.from(data.eSkeySig),
    },
  };
}
