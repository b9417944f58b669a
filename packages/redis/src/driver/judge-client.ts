/** What the option `client` takes, for the text of errors. */
const TAKES = 'takes an ioredis client or a node-redis client';
const IOREDIS = 'new Redis(process.env.REDIS_URL) of ioredis';

/** Something that people give in place of a client, and how they get one from it. */
interface Mistake {
  readonly what: string;
  readonly fix: string;
  fits(value: object): boolean;
}

function read(value: unknown, name: string): unknown {
  try {
    return (value as Record<string, unknown> | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}

const can = (value: unknown, ...names: readonly string[]) =>
  names.every((name) => typeof read(value, name) === 'function');
const has = (value: object, ...names: readonly string[]) => names.some((name) => read(value, name) !== undefined);

/** Recognised by what they can do, never by the name of their class. */
const MISTAKES: readonly Mistake[] = [
  {
    what: 'a pipeline',
    fix: 'give the client itself',
    fits: (value) => read(value, 'isPipeline') === true,
  },
  { what: 'a Promise', fix: 'await it first', fits: (value) => can(value, 'then') },
  {
    what: 'a node-redis client in legacy mode',
    fix: 'give one made without it: client.duplicate({ legacyMode: false }), connected',
    fits: (value) => can(value, 'sendCommand') && read(read(value, 'options'), 'legacyMode') === true,
  },
  {
    what: 'the legacy() view of a node-redis client',
    fix: 'give the client that it was made of',
    fits: (value) => can(value, 'sendCommand', 'multi') && !has(value, 'isOpen', 'isReady', 'status'),
  },
  {
    what: 'a queue, worker or connection of BullMQ',
    fix: 'give the ioredis client that it was made with',
    fits: (value) => can(value, 'add', 'getJob') || (can(value, 'run', 'getNextJob') && has(value, 'opts')),
  },
  {
    what: 'a pool or client of Postgres',
    fix: 'use createPostgresStore({ pool }) of @wa-sync/postgres',
    fits: (value) => can(value, 'query', 'connect'),
  },
  {
    what: 'a class or module',
    fix: `make a client of it: ${IOREDIS}, or await createClient({ url }).connect() of redis`,
    fits: (value) =>
      can(value, 'createClient') ||
      (typeof value === 'function' && (has(value, 'Cluster') || can(read(value, 'prototype'), 'sendCommand'))),
  },
  {
    what: 'options of a connection',
    fix: 'make a client of them: new Redis(options) of ioredis',
    fits: (value) =>
      !can(value, 'sendCommand') &&
      has(value, 'host', 'port', 'url', 'socket', 'sentinels', 'rootNodes', 'path', 'connection', 'password'),
  },
];

/**
 * Why this is no client that can be used, in words that name what it is and never show what is in it; `null` where
 * nothing is known against it.
 */
export function judgeClient(value: unknown): string | null {
  if (value === undefined || value === null) return `${TAKES}; nothing was given`;
  if (typeof value === 'string' || value instanceof URL) {
    return `${TAKES}; this is an address: make a client of it, ${IOREDIS}`;
  }
  if (typeof value !== 'object' && typeof value !== 'function') return TAKES;
  const mistake = MISTAKES.find(({ fits }) => fits(value));
  return mistake === undefined ? null : `${TAKES}; this is ${mistake.what}: ${mistake.fix}`;
}
