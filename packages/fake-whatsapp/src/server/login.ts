import { randomBytes } from 'node:crypto';
import type { ClientPayload } from '../baileys/baileys-members.js';
import type { Device, DeviceRegistry } from '../devices/device-registry.js';
import type { ServerConnection } from '../link/connection.js';
import type { LoginFailure } from '../link/connection-plan.js';
import type { ServerSession } from '../session/session.js';
import { S_WHATSAPP_NET } from '../wire/binary-node.js';

export type LoginRules = {
  registry: DeviceRegistry;
  /** Lets devices in that the registry does not hold, under the number they claim. */
  acceptUnknownDevices: boolean;
  sessionOf(device: Device): ServerSession;
};

const UNKNOWN_DEVICE: LoginFailure = { reason: 401, attrs: { location: 'fake' } };

/** Decides over the login of a device and answers it with `<success>`, `<failure>` or not at all. */
export function logIn(
  connection: ServerConnection,
  payload: ClientPayload,
  clientStaticKey: Buffer,
  rules: LoginRules,
): void {
  const phone = String(payload.username ?? '');
  const deviceNumber = payload.device ?? 0;
  const device =
    rules.registry.findDevice(phone, deviceNumber) ??
    (rules.acceptUnknownDevices && deviceNumber > 0
      ? rules.registry.addDevice({ phone, device: deviceNumber, noiseKey: clientStaticKey })
      : undefined);
  if (!device) {
    sendFailure(connection, UNKNOWN_DEVICE);
    return;
  }

  const session = rules.sessionOf(device);
  session.attach(connection);
  session.note('login-started', connection);
  connection.applyPlan(session.takePlan());
  const { failure, silentAfter, resetAfter, answerClose } = connection.plan;
  if (resetAfter === 'handshake') {
    connection.rst();
    return;
  }
  if (silentAfter === 'handshake') {
    connection.goSilent({ answerClose });
    return;
  }
  const refusal = failure ?? (isKnownAs(device, clientStaticKey) ? undefined : UNKNOWN_DEVICE);
  if (refusal) {
    session.note('login-refused', connection, `failure ${refusal.reason}`);
    sendFailure(connection, refusal);
    return;
  }

  const replaced = session.onlineConnection;
  sendSuccess(connection, device);
  connection.setStage('online');
  session.noteLogin(connection);
  if (replaced) {
    session.note('replaced', replaced, `by connection ${connection.id}`);
    replaced.streamError({ conflict: 'replaced' });
  }
  if (silentAfter === 'success') connection.goSilent({ answerClose });
  if (resetAfter === 'success') connection.rst();
}

function isKnownAs(device: Device, clientStaticKey: Buffer): boolean {
  return device.linked && device.noiseKey.equals(clientStaticKey);
}

function sendSuccess(connection: ServerConnection, device: Device): void {
  const now = String(Math.floor(Date.now() / 1000));
  connection.sendNode({
    tag: 'success',
    attrs: { t: now, lid: device.lid, location: 'fake', props: '1', abprops: '1', creation: now },
  });
  connection.sendNode({
    tag: 'ib',
    attrs: { from: S_WHATSAPP_NET },
    content: [
      {
        tag: 'edge_routing',
        attrs: {},
        content: [{ tag: 'routing_info', attrs: {}, content: randomBytes(5) }],
      },
    ],
  });
}

function sendFailure(connection: ServerConnection, { reason, attrs }: LoginFailure): void {
  connection.sendLast({ tag: 'failure', attrs: { reason: String(reason), ...attrs } }, `failure ${reason}`);
}
