import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Trust } from '@wa-sync/fake-whatsapp';
import type { AppOptions } from './app-options.js';
import type { GivenOptions } from './read-environment.js';

/** What the other process says once it is up, or why it is not. */
export type SurroundingsMessage =
  | { readonly databaseUrl: string; readonly waWebSocketUrl: string; readonly trust: Trust }
  | { readonly failure: string };

/** Options that an app can start with, whatever was given. */
export interface Surrounded {
  readonly options: AppOptions;
  /** What a person may do now that the app listens. */
  describe(url: string): string;
}

/**
 * Gives an app that has no database a Postgres and a WhatsApp, both on loopback. They live in a process of their own that ends with this one, however
 * this one ends: in the same process a signal would end the database before the app has written its last rows.
 *
 * @throws Error where the Postgres does not start
 */
export async function surround(given: GivenOptions): Promise<Surrounded> {
  const { databaseUrl } = given;
  if (databaseUrl !== undefined) {
    return { options: { ...given, databaseUrl }, describe: (url) => `listening on ${url}` };
  }
  console.log('Starting a Postgres and a WhatsApp for trying out');
  const surroundings = await startSurroundings();
  const own = given.waWebSocketUrl === undefined;
  const options: AppOptions = {
    ...given,
    databaseUrl: surroundings.databaseUrl,
    tokens: given.tokens.length > 0 ? given.tokens : [randomBytes(16).toString('hex')],
    sessions: given.sessions && given.sessions.length > 0 ? given.sessions : ['sales', 'support'],
    ...(own ? { waWebSocketUrl: surroundings.waWebSocketUrl, trust: surroundings.trust } : {}),
  };
  return { options, describe: (url) => describe(url, options) };
}

async function startSurroundings() {
  const name = import.meta.url.endsWith('.ts') ? './surroundings-process.ts' : './surroundings-process.js';
  // Not of our process group: Ctrl+C goes to all of a group at once.
  const child = fork(fileURLToPath(new URL(name, import.meta.url)), [], { detached: true, stdio: 'ignore' });
  const message = await firstMessage(child);
  if ('failure' in message) throw new Error(message.failure);
  return message;
}

async function firstMessage(child: ChildProcess): Promise<SurroundingsMessage> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`The Postgres and the WhatsApp for trying out ended with ${code} before they were up`);
  });
  ended.catch(() => {});
  const [message] = await Promise.race([once(child, 'message'), ended]);
  return message as SurroundingsMessage;
}

function describe(url: string, { databaseUrl, tokens }: AppOptions): string {
  return [
    `listening on ${url}`,
    '',
    'Without DATABASE_URL this runs on a Postgres and a WhatsApp for trying out, on loopback and gone with the app. A played phone',
    'scans each QR code. Ctrl+C ends everything. To try in another shell:',
    '',
    `  export WA_SYNC_URL=${url}/whatsapp WA_SYNC_TOKEN=${tokens[0]}`,
    '  curl -s -H "Authorization: Bearer $WA_SYNC_TOKEN" $WA_SYNC_URL/status',
    '  curl -s -H "Authorization: Bearer $WA_SYNC_TOKEN" -X POST $WA_SYNC_URL/sync-all-sessions',
    `  curl -s ${url}/table   # the app's own table, as its users see it`,
    '',
    `The database: ${databaseUrl}`,
  ].join('\n');
}
