import { createHash, randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@wa-sync/core';
import { parseOptions } from '@wa-sync/core/adapter';
import * as z from 'zod/mini';
import type { AuthSource, BaileysAuthState } from '../client/baileys-auth.js';
import type { BaileysMembers, BaileysOption } from '../client/baileys-module.js';
import { createBaileysLoader } from '../client/load-baileys.js';
import { baileysOption } from '../client/option-types.js';
import { checkCreds, corrupt } from './encode-auth.js';

/** What `multiFileAuth` takes. */
export interface MultiFileAuthOptions {
  /** The folder that holds one folder per session, or a function that names the session's own folder. */
  folder: string | ((sessionId: string) => string);
  /** Baileys as the host has it. @defaultValue `@whiskeysockets/baileys` or `baileys`, whichever is installed */
  baileys?: BaileysOption | undefined;
}

const schema = z.strictObject({
  folder: z.union(
    [z.string().check(z.minLength(1)), z.custom<(sessionId: string) => string>((value) => typeof value === 'function')],
    'takes a path, or a function from session id to path',
  ),
  baileys: z.optional(baileysOption),
});

const LONGEST_NAME = 120;

/**
 * Keeps credentials in files, in the layout of Baileys' `useMultiFileAuthState`, for small set-ups on one machine.
 * Unlike Baileys' own, it replaces `creds.json` in one step, and one that cannot be read is an error, never a new
 * identity.
 *
 * @throws WaSyncError `config_invalid`; the source it returns throws `auth_corrupt`, `baileys_unavailable`
 * @example
 * baileysProvider({ auth: multiFileAuth({ folder: './sessions' }) });
 */
export function multiFileAuth(options: MultiFileAuthOptions): AuthSource<BaileysAuthState> {
  const { folder, baileys: given } = parseOptions('multiFileAuth', schema, options);
  const pathOf = typeof folder === 'function' ? folder : (sessionId: string) => join(folder, folderName(sessionId));

  const loader = createBaileysLoader({ baileys: given, clock: systemClock });

  return async ({ sessionId }) => {
    const baileys = await loader.need(['useMultiFileAuthState', 'BufferJSON']);
    const path = pathOf(sessionId);
    const file = join(path, 'creds.json');
    await refuseHalfWritten({ sessionId, file, baileys });
    const { state } = await baileys.useMultiFileAuthState(path);
    let lastSave: Promise<void> = Promise.resolve();
    return {
      // The files' own functions fit every use that the type names.
      state: state as BaileysAuthState,
      saveCreds() {
        const text = JSON.stringify(state.creds, baileys.BufferJSON.replacer);
        const save = lastSave.then(() => replaceFile(file, text));
        lastSave = save.catch(() => {});
        return save;
      },
      quarantine: () => rename(path, `${path}.quarantine-${randomUUID()}`),
    };
  };
}

async function refuseHalfWritten(params: {
  sessionId: string;
  file: string;
  baileys: Pick<BaileysMembers, 'BufferJSON'>;
}): Promise<void> {
  const { sessionId, file, baileys } = params;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw corrupt(sessionId, 'cannot be read', error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text, baileys.BufferJSON.reviver);
  } catch {
    throw corrupt(sessionId, 'is no JSON');
  }
  checkCreds(sessionId, value);
}

/** Writes beside and renames, so that a crash leaves the old file or the new one. */
async function replaceFile(file: string, text: string): Promise<void> {
  const beside = `${file}.${randomUUID()}.tmp`;
  try {
    const handle = await open(beside, 'w', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/** A file name with which no session id can leave the folder, `..` included. */
function folderName(sessionId: string): string {
  const name = encodeURIComponent(sessionId).replaceAll('.', '%2E').replaceAll('*', '%2A');
  return name.length <= LONGEST_NAME ? name : createHash('sha256').update(sessionId).digest('hex');
}
