import {
  type AuthenticationCreds,
  type AuthenticationState,
  configureSuccessfulPairing,
  initAuthCreds,
  type SignalDataSet,
  type SignalDataTypeMap,
} from '@whiskeysockets/baileys';
import { FULL_STOCK } from './answer-encrypt.js';
import { pairSuccessNode } from './device-identity.js';
import { type Device, type DeviceRegistry, phoneOf } from './device-registry.js';

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
): { creds: AuthenticationCreds; device: Device } {
  const account = registry.account(phoneOf(options.phone));
  if (options.name !== undefined) account.name = options.name;
  const deviceNumber = options.device ?? account.nextDevice;
  const fresh = initAuthCreds();
  const paired = configureSuccessfulPairing(
    pairSuccessNode({
      account,
      device: deviceNumber,
      deviceIdentityKey: fresh.signedIdentityKey.public,
      advSecretKey: fresh.advSecretKey,
      stanzaId: 'created',
      platform: 'android',
    }),
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
  const creds: AuthenticationCreds = {
    ...fresh,
    ...paired.creds,
    me: { ...paired.creds.me!, name: account.name ?? `Account ${account.phone}` },
    accountSyncCounter: options.accountSyncCounter ?? 1,
  };
  return { creds, device };
}

/** An auth state whose keys live in memory, for tests that need no store. Keys are copied by reference. */
export function createMemoryAuthState(creds: AuthenticationCreds): AuthenticationState {
  const rows = new Map<string, unknown>();
  return {
    creds,
    keys: {
      get<T extends keyof SignalDataTypeMap>(type: T, ids: string[]) {
        const found: { [id: string]: SignalDataTypeMap[T] } = {};
        for (const id of ids) {
          const row = rows.get(`${type}/${id}`);
          if (row !== undefined) found[id] = row as SignalDataTypeMap[T];
        }
        return found;
      },
      set(data: SignalDataSet) {
        for (const [type, entries] of Object.entries(data)) {
          for (const [id, row] of Object.entries(entries ?? {})) {
            if (row === null || row === undefined) rows.delete(`${type}/${id}`);
            else rows.set(`${type}/${id}`, row);
          }
        }
      },
    },
  };
}
