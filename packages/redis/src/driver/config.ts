import { WaSyncError } from '@wa-sync/core';
import { type AuthKeyRing, authKeyRingSchema, parseOptions } from '@wa-sync/core/adapter';
import * as z from 'zod/mini';
import { judgeClient } from './judge-client.js';
import { type RedisClient, type RedisLike, redisLikeOf } from './redis-like.js';

/** What `createRedisStore` takes; an unknown key is an error that names it. */
export interface RedisStoreOptions {
  /**
   * A connected client: ioredis (or its `Cluster`), node-redis (or its cluster), or a {@link RedisLike} of your own.
   * It stays the caller's and is never closed.
   */
  client: RedisClient;
  /** First part of every key, in braces: `{wa-sync}:session`. @defaultValue `'wa-sync'` */
  prefix?: string | undefined;
  /** How credentials are kept. */
  auth?: { keyRing?: AuthKeyRing | undefined } | undefined;
  timeouts?:
    | {
        /**
         * One call, waiting for a connection included; cut below a third of the lease when a replica joins.
         * @defaultValue 8,000
         */
        commandMs?: number | undefined;
      }
    | undefined;
}

const clientTakes = 'takes an ioredis client or a node-redis client';
const prefixTakes = 'takes 1 to 100 characters without braces or control characters';
const commandMsTakes = 'takes milliseconds, a whole number from 50 to 120000';

// Published types of core do not say that it is one of zod's.
const keyRing = authKeyRingSchema as z.core.$ZodType<AuthKeyRing, AuthKeyRing>;

const schema = z.strictObject({
  client: z.custom<RedisClient>((client) => judgeClient(client) === null && redisLikeOf(client) !== null, {
    error: ({ input }) => judgeClient(input) ?? clientTakes,
  }),
  prefix: z._default(z.string(prefixTakes).check(z.regex(/^[^{}\p{Cc}\p{Cs}]{1,100}$/u, prefixTakes)), 'wa-sync'),
  auth: z.prefault(z.strictObject({ keyRing: z.optional(keyRing) }), {}),
  timeouts: z.prefault(
    z.strictObject({
      commandMs: z._default(
        z.int(commandMsTakes).check(z.gte(50, commandMsTakes), z.lte(120_000, commandMsTakes)),
        8_000,
      ),
    }),
    {},
  ),
} satisfies { [Key in keyof RedisStoreOptions]-?: z.core.$ZodType<unknown, RedisStoreOptions[Key]> });

/** The options with every default in place. */
export interface RedisConfig extends Omit<z.infer<typeof schema>, 'client'> {
  readonly redis: RedisLike;
}

/**
 * Checks the options once.
 *
 * @throws WaSyncError `config_invalid` that names each wrong key and what it takes
 */
export function parseConfig(options: RedisStoreOptions): RedisConfig {
  const { client, ...rest } = parseOptions('createRedisStore', schema, options);
  const redis = redisLikeOf(client);
  if (redis === null) throw new WaSyncError('config_invalid', `Option client ${clientTakes}`);
  return { ...rest, redis };
}
