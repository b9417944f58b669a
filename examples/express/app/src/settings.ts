import type { BaileysProviderOptions } from '@wa-sync/baileys';
import type { WaSyncOptions } from '@wa-sync/core';

/** The environment of the app: what each variable takes. */
export const VARIABLES = {
  DATABASE_URL: 'Postgres, such as postgres://user:password@127.0.0.1:5432/app',
  WA_SYNC_TOKEN: 'token of the endpoints, 16 characters or more; several by comma while you rotate them',
  WA_SYNC_SESSIONS: 'ids of the sessions that shall exist, by comma; the first one is the current one',
  PORT: 'port of the app; 3000 by default, 0 lets the system choose',
  HOST: 'address of the app; 127.0.0.1 by default',
  WA_SYNC_REPLICA_ID: 'stable name of this process, so that a restarted one takes over at once',
  WA_SYNC_OPTIONS: 'JSON with further options: { "waSync": { "probe": … }, "baileys": { … }, "http": { … } }',
} as const;

/** What the app is started with. */
export interface Settings {
  databaseUrl: string;
  tokens: readonly string[];
  sessions: readonly string[];
  port: number;
  host: string;
  replicaId?: string | undefined;
  /** Further options of `createWaSync`, such as `probe`, `lease`, `jobs`, `timeZone`. */
  waSync?: Omit<WaSyncOptions, 'store' | 'provider' | 'logger' | 'replicaId' | 'currentSession'> | undefined;
  /** Further options of `baileysProvider`, such as `backoff` and `socketConfig`. */
  baileys?: Omit<BaileysProviderOptions, 'auth' | 'logger'> | undefined;
  /** Further options of the endpoints, such as `rateLimit`. */
  http?: object | undefined;
}

type Variable = keyof typeof VARIABLES;

/**
 * Turns the environment into settings; every mistake is named at once.
 *
 * @throws Error that says which variable takes what
 */
export function readSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const mistakes: string[] = [];
  const wrong = (name: Variable, how: string) => void mistakes.push(`${name} ${how}: ${VARIABLES[name]}`);
  const read = (name: Variable) => env[name]?.trim() || undefined;
  const readList = (name: Variable) => (read(name) ?? '').split(',').flatMap((part) => part.trim() || []);

  const databaseUrl = read('DATABASE_URL') ?? '';
  if (databaseUrl === '') wrong('DATABASE_URL', 'is missing');
  const tokens = readList('WA_SYNC_TOKEN');
  if (tokens.length === 0) wrong('WA_SYNC_TOKEN', 'is missing');
  const port = read('PORT') ?? '3000';
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) wrong('PORT', 'is no port');
  const options = parseObject(read('WA_SYNC_OPTIONS') ?? '{}');
  if (options === null) wrong('WA_SYNC_OPTIONS', 'is no JSON object');
  // What is inside of the three is checked by the packages themselves.
  const { waSync, baileys, http, ...unknown } = options ?? {};
  for (const key of Object.keys(unknown)) wrong('WA_SYNC_OPTIONS', `has an unknown key "${key}"`);
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'));

  return {
    databaseUrl,
    tokens,
    sessions: readList('WA_SYNC_SESSIONS'),
    port: Number(port),
    host: read('HOST') ?? '127.0.0.1',
    replicaId: read('WA_SYNC_REPLICA_ID'),
    waSync: waSync as Settings['waSync'],
    baileys: baileys as Settings['baileys'],
    http: http as Settings['http'],
  };
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
