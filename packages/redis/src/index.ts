export type { AuthKeyRing } from '@wa-sync/core/adapter';
export { createRedisStore, type RedisStore } from './create-redis-store.js';
export type { RedisStoreOptions } from './driver/config.js';
export type {
  IoredisLike,
  NodeRedisLike,
  RedisClient,
  RedisCommand,
  RedisLike,
} from './driver/redis-like.js';
