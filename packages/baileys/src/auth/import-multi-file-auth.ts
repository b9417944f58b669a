import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuthEntry, type AuthStore, checkSessionId, systemClock, WaSyncError } from '@wa-sync/core';
import { parseOptions } from '@wa-sync/core/adapter';
import * as z from 'zod/mini';
import type { BaileysOption } from '../client/baileys-module.js';
import { createBaileysLoader } from '../client/load-baileys.js';
import { baileysOption } from '../client/option-types.js';
import { authStoreOption } from './create-baileys-auth-state.js';
import { corrupt, createAuthCodec } from './encode-auth.js';

/** What `importMultiFileAuth` takes. */
export interface ImportMultiFileAuthOptions {
  /** Where the credentials go, such as `createPostgresStore(…).auth`. */
  store: AuthStore;
  /** The session, which must have a row. */
  sessionId: string;
  /** The folder that `useMultiFileAuthState` was given for this session. It is only read. */
  folder: string;
  /** The token of the claim, where somebody holds the session. @defaultValue `null` */
  tenure?: string | null | undefined;
  /** Baileys as the host has it. @defaultValue `@whiskeysockets/baileys` or `baileys`, whichever is installed */
  baileys?: BaileysOption | undefined;
}

/** What became of an import. */
export interface MultiFileAuthImport {
  /** Records that were written, the identity among them; 0 where the store has one already. */
  readonly records: number;
  /** Whether the store had an identity of this session: nothing was changed then. */
  readonly alreadyThere: boolean;
  /** Names of files that hold no record or cannot be read. Keys that are missing are negotiated anew. */
  readonly skipped: readonly string[];
}

const schema = z.strictObject({
  store: authStoreOption,
  sessionId: z.string('takes a session id'),
  folder: z.string('takes a path').check(z.minLength(1, 'takes a path')),
  tenure: z._default(z.nullable(z.string('takes the token of a claim')), null),
  baileys: z.optional(baileysOption),
});

/** Kinds of records that Baileys keeps; a file is named `<kind>-<id>.json`. The longer of two that fit is meant. */
const KINDS = [
  'sender-key-memory',
  'app-state-sync-version',
  'app-state-sync-key',
  'contacts-tc-token',
  'identity-key',
  'device-list',
  'lid-mapping',
  'sender-key',
  'tctoken',
  'pre-key',
  'session',
] as const;

const AT_ONCE = 32;

/**
 * Takes the credentials of one session over from a folder of Baileys' `useMultiFileAuthState`, so that nobody has to
 * pair again. All records go in one write: all of them are there, or none. Where the store has an identity already
 * nothing happens, so it may run at every start. Run it while no socket of the session is open, and never open one
 * with the folder again: two places that go on with the same keys break the login.
 *
 * @throws WaSyncError `import_invalid` where the folder has no `creds.json`, `auth_corrupt` where that is no whole
 * identity, `session_not_found`, `tenure_lost`, `baileys_unavailable`, `config_invalid`, and what the store throws
 * @example
 * await wa.sessions.create({ id: 'shop' });
 * await importMultiFileAuth({ store: store.auth, sessionId: 'shop', folder: './auth/shop' });
 */
export async function importMultiFileAuth(options: ImportMultiFileAuthOptions): Promise<MultiFileAuthImport> {
  const { store, folder, tenure, ...rest } = parseOptions('importMultiFileAuth', schema, options);
  const sessionId = checkSessionId(rest.sessionId);
  const loader = createBaileysLoader({ baileys: rest.baileys, clock: systemClock });
  const codec = createAuthCodec(await loader.need(['BufferJSON', 'readAppStateKey']));
  const there = await store.read({ sessionId, type: 'creds', ids: ['creds'] });
  if (there.size > 0) return { records: 0, alreadyThere: true, skipped: [] };

  const names = await listFiles(folder);
  const creds = await readFile(join(folder, 'creds.json')).catch((error: unknown) => {
    throw corrupt(sessionId, 'cannot be read', error);
  });
  codec.decodeCreds(sessionId, creds);
  const entries: AuthEntry[] = [{ type: 'creds', id: 'creds', value: new Uint8Array(creds) }];
  const skipped: string[] = [];
  const keys = names.filter((name) => name !== 'creds.json').sort();
  for (let from = 0; from < keys.length; from += AT_ONCE) {
    const some = keys.slice(from, from + AT_ONCE);
    const read = await Promise.all(some.map((name) => readKey(folder, name)));
    for (const [index, entry] of read.entries()) {
      const fits = entry !== null && codec.decodeKey(entry.type, entry.value) !== undefined;
      if (fits) entries.push(entry);
      else skipped.push(some[index]!);
    }
  }
  await store.write({ sessionId, tenure, entries });
  return { records: entries.length, alreadyThere: false, skipped };
}

async function listFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new WaSyncError('import_invalid', `The folder ${folder} cannot be read`, { cause });
  });
  if (names.includes('creds.json')) return names;
  throw new WaSyncError(
    'import_invalid',
    `The folder ${folder} has no creds.json: it is none of useMultiFileAuthState`,
  );
}

async function readKey(folder: string, name: string): Promise<{ type: string; id: string; value: Uint8Array } | null> {
  const kind = KINDS.find((candidate) => name.startsWith(`${candidate}-`));
  if (kind === undefined || !name.endsWith('.json')) return null;
  const id = idOf(kind, name.slice(kind.length + 1, -'.json'.length));
  const bytes = await readFile(join(folder, name)).catch(() => null);
  return bytes === null || id === '' ? null : { type: kind, id, value: new Uint8Array(bytes) };
}

/**
 * Baileys wrote `/` as `__` and `:` as `-`. Only ids of sender keys have colons, always two together, and no id has
 * two dashes or underscores of its own.
 */
function idOf(kind: string, name: string): string {
  const slashed = name.replaceAll('__', '/');
  return kind === 'sender-key' ? slashed.replaceAll('--', '::') : slashed;
}
