import type { RedisCommand, RedisLike } from '../src/index.js';

/**
 * A client whose commands, while `holding`, are given up with their connection, and can be sent later as packets that
 * were on their way.
 */
export function holdBackCommands(redis: RedisLike) {
  const late: RedisCommand[] = [];
  const state = { holding: false };
  const client: RedisLike = {
    ...redis,
    send: async (command) => {
      if (!state.holding) return redis.send(command);
      late.push(command);
      throw new Error('Connection is closed.');
    },
  };
  return { client, late, state, arrive: (index: number) => redis.send(late[index]!) };
}
