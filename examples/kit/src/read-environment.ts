import type { AppOptions } from './app-options.js';

/** The environment that an example app is started with. */
export const VARIABLES = {
  DATABASE_URL:
    'Postgres, such as postgres://user:password@127.0.0.1:5432/app; without it a Postgres and a WhatsApp for trying out',
  WA_SYNC_TOKEN: 'token of the endpoints, 16 characters or more; several by comma while you rotate them',
  WA_SYNC_SESSIONS: 'ids of the sessions that shall exist, by comma; the first one is the current one',
  PORT: 'port of the app; 3000 by default, 0 lets the system choose',
  HOST: 'address of the app; 127.0.0.1 by default',
  WA_SYNC_REPLICA_ID: 'stable name of this process, so that a restarted one takes over at once',
  WA_SYNC_OPTIONS: 'JSON with further options: { "waSync": { "probe": … }, "baileys": { … }, "http": { … } }',
  WA_WEB_SOCKET_URL: "another server than WhatsApp's own, such as a fake one on loopback",
  FAKE_WHATSAPP_TRUST: 'JSON that lets Baileys believe a fake WhatsApp',
} as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says; without a database the app gets one for trying out. */
export type GivenOptions = Omit<AppOptions, 'databaseUrl'> & { databaseUrl?: string | undefined };

/**
 * Turns the environment into options; every mistake is named at once.
 *
 * @throws Error that says which variable takes what
 */
export function readEnvironment(env: Environment): GivenOptions {
  const mistakes: string[] = [];
  const read = (name: keyof typeof VARIABLES) => env[name]?.trim() || undefined;
  const wrong = (name: keyof typeof VARIABLES, how: string) => void mistakes.push(`${name} ${how}: ${VARIABLES[name]}`);
  const readList = (name: keyof typeof VARIABLES) =>
    (read(name) ?? '')
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');

  function readJson(name: 'WA_SYNC_OPTIONS' | 'FAKE_WHATSAPP_TRUST'): Record<string, unknown> | undefined {
    const text = read(name);
    if (text === undefined) return undefined;
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    } catch {
      // Said below: a text that is no JSON is as wrong as JSON that is no object.
    }
    wrong(name, 'is no JSON object');
    return undefined;
  }

  const databaseUrl = read('DATABASE_URL');
  const tokens = readList('WA_SYNC_TOKEN');
  if (tokens.length === 0 && databaseUrl !== undefined) wrong('WA_SYNC_TOKEN', 'is missing');
  const port = read('PORT');
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) < 65_536)) wrong('PORT', 'is no port');
  const { waSync, baileys, http, ...unknown } = readJson('WA_SYNC_OPTIONS') ?? {};
  for (const key of Object.keys(unknown)) wrong('WA_SYNC_OPTIONS', `has an unknown key "${key}"`);
  const trust = readJson('FAKE_WHATSAPP_TRUST') as AppOptions['trust'];

  if (mistakes.length > 0) throw new Error(mistakes.join('\n'));
  return {
    databaseUrl,
    tokens,
    sessions: readList('WA_SYNC_SESSIONS'),
    port: port === undefined ? undefined : Number(port),
    host: read('HOST'),
    replicaId: read('WA_SYNC_REPLICA_ID'),
    waWebSocketUrl: read('WA_WEB_SOCKET_URL'),
    trust,
    // Checked by the packages themselves: each names a key that it does not know.
    waSync: waSync as AppOptions['waSync'],
    baileys: baileys as AppOptions['baileys'],
    http: http as AppOptions['http'],
  };
}
