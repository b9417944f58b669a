import type { Credentials } from '../baileys/credentials.js';
import type { Baileys } from '../baileys/load-baileys.js';
import { type Device, type DeviceRegistry, phoneOf } from '../devices/device-registry.js';
import { appStateKeyOf } from '../devices/key-bundle.js';
import { FULL_STOCK } from '../queries/answer-encrypt.js';
import { pairSuccessNode } from './device-identity.js';

export type CredentialOptions = {
  /** Phone number of the account; digits, other characters are dropped. */
  phone: string;
  /** Number of the device. Default: one more than the last of this phone. */
  device?: number;
  /** Push name of the account, as `creds.me.name`. Default: `Account <phone>`. */
  name?: string;
  /**
   * Whether it uploaded its prekeys back then. With false its first login uploads 812, which costs some 200 ms and
   * as many rows in the key store. Default: true.
   */
  preKeysUploaded?: boolean;
  /** How often this device has synced its history; 0 makes Baileys hold events back for 20 s. Default: 1. */
  accountSyncCounter?: number;
};

/** Makes the credentials of a device that was linked earlier, and the server's record of it. */
export function createCredentials(
  registry: DeviceRegistry,
  options: CredentialOptions,
  baileys: Baileys,
): { creds: Credentials; device: Device } {
  const account = registry.account(phoneOf(options.phone));
  if (options.name !== undefined) account.name = options.name;
  const deviceNumber = options.device ?? account.nextDevice;
  const fresh = baileys.initAuthCreds();
  const paired = baileys.configureSuccessfulPairing(
    pairSuccessNode(
      {
        account,
        device: deviceNumber,
        deviceIdentityKey: fresh.signedIdentityKey.public,
        advSecretKey: fresh.advSecretKey,
        stanzaId: 'created',
        platform: 'android',
      },
      baileys,
    ),
    fresh,
  );
  const device = registry.addDevice({
    phone: account.phone,
    device: deviceNumber,
    noiseKey: Buffer.from(fresh.noiseKey.public),
    identityKey: Buffer.from(fresh.signedIdentityKey.public),
    registrationId: fresh.registrationId,
    earlierPreKeys: (options.preKeysUploaded ?? true) ? FULL_STOCK : 0,
    signedPreKey: {
      keyId: fresh.signedPreKey.keyId,
      publicKey: Buffer.from(fresh.signedPreKey.keyPair.public),
      signature: Buffer.from(fresh.signedPreKey.signature),
    },
  });
  const creds: Credentials = {
    ...fresh,
    ...paired.creds,
    me: { ...paired.creds.me!, name: account.name ?? `Account ${account.phone}` },
    accountSyncCounter: options.accountSyncCounter ?? 1,
    // Baileys 6.17 and several forks hold all events back until they have one.
    myAppStateKeyId: appStateKeyOf(account).id.toString('base64'),
  };
  return { creds, device };
}
