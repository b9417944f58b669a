import { WaSyncError } from '@wa-sync/core';
import type { BaileysCreds } from '../client/baileys-auth.js';
import type { BaileysMembers } from '../client/baileys-module.js';

const APP_STATE_KEY = 'app-state-sync-key';

/** Turns credentials and keys into the bytes that a store keeps, and back. */
export function createAuthCodec(baileys: Pick<BaileysMembers, 'BufferJSON' | 'readAppStateKey'>) {
  const { replacer, reviver } = baileys.BufferJSON;
  const parse = (bytes: Uint8Array): unknown =>
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes), reviver);
  return {
    encode: (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value, replacer)),
    /** A signal key; one that cannot be read counts as absent, as Baileys negotiates such keys anew. */
    decodeKey(type: string, bytes: Uint8Array): unknown {
      try {
        const value = parse(bytes);
        if (type !== APP_STATE_KEY) return value ?? undefined;
        return baileys.readAppStateKey(value as object);
      } catch {
        return undefined;
      }
    },
    /**
     * @throws WaSyncError `auth_corrupt`
     */
    decodeCreds(sessionId: string, bytes: Uint8Array): BaileysCreds {
      let value: unknown;
      try {
        value = parse(bytes);
      } catch {
        // Without the cause: a parser quotes the text that it was given, and this one is a credential.
        throw corrupt(sessionId, 'is no JSON');
      }
      return checkCreds(sessionId, value);
    },
  };
}

/**
 * Returns `value` if it is a whole identity. Half of one must never become a new one: WhatsApp would see another
 * device, and the old login would be lost.
 *
 * @throws WaSyncError `auth_corrupt`
 */
export function checkCreds(sessionId: string, value: unknown): BaileysCreds {
  const creds: Partial<Record<keyof BaileysCreds, unknown>> = typeof value === 'object' && value !== null ? value : {};
  const missing = [
    ...(['noiseKey', 'signedIdentityKey', 'pairingEphemeralKeyPair'] as const).filter((key) => !isKeyPair(creds[key])),
    ...(isKeyPair((creds.signedPreKey as { keyPair?: unknown } | undefined)?.keyPair) ? [] : ['signedPreKey']),
    ...(typeof creds.registrationId === 'number' ? [] : ['registrationId']),
    ...(typeof creds.advSecretKey === 'string' ? [] : ['advSecretKey']),
  ];
  if (missing.length > 0) throw corrupt(sessionId, `lacks ${missing.join(', ')}`);
  return value as BaileysCreds;
}

function isKeyPair(value: unknown): boolean {
  const pair = value as { public?: unknown; private?: unknown } | null | undefined;
  return isKey(pair?.public) && isKey(pair?.private);
}

const isKey = (value: unknown) => value instanceof Uint8Array && value.length >= 32;

export function corrupt(sessionId: string, what: string, cause?: unknown): WaSyncError {
  return new WaSyncError(
    'auth_corrupt',
    `The stored credentials of session ${sessionId} cannot be used: the record ${what}. Restore it, or quarantine it and pair again`,
    { cause },
  );
}
