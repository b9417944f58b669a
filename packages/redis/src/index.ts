export type { AuthKeyRing } from '@wa-sync/core/adapter';
export { createRedisStore, type RedisStore } from './create-redis-store.js';
export type { RedisStoreOptions } from './driver/config.js';
export {
  fromIoredis,
  fromNodeRedis,
  type IoredisLike,
  type NodeRedisLike,
  type RedisClient,
  type RedisCommand,
  type RedisLike,
} from './driver/redis-like.js';
