import { randomBytes } from 'node:crypto';
import type { Account, AppStateKey } from './device-registry.js';

const APP_STATE_SYNC_KEY_SHARE = 6;

/** The account's key, made when it is first asked for. */
export function appStateKeyOf(account: Account): AppStateKey {
  account.appStateKey ??= { id: Buffer.concat([Buffer.alloc(2), randomBytes(4)]), data: randomBytes(32) };
  return account.appStateKey;
}

/**
 * The message by which a phone hands its key to a device that it has just linked. Without it Baileys 6.17 and several
 * forks hold all events back.
 */
export function appStateKeyMessage(account: Account): object {
  const { id, data } = appStateKeyOf(account);
  return {
    protocolMessage: {
      type: APP_STATE_SYNC_KEY_SHARE,
      appStateSyncKeyShare: {
        keys: [
          {
            keyId: { keyId: id },
            keyData: {
              keyData: data,
              fingerprint: { rawId: 1, currentIndex: 0, deviceIndexes: [0] },
              timestamp: Date.now(),
            },
          },
        ],
      },
    },
  };
}
