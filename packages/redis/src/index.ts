export type { AuthKeyRing } from '@wa-sync/core/adapter';
export type { RedisStoreOptions } from './config.js';
export { createRedisStore, type RedisStore } from './create-redis-store.js';
export {
  fromIoredis,
  fromNodeRedis,
  type IoredisLike,
  type NodeRedisLike,
  type RedisClient,
  type RedisCommand,
  type RedisLike,
} from './redis-like.js';
