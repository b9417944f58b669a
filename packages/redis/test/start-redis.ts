import { type LocalRedis, startRedis as startLocal } from '@wa-sync/dev/servers/redis';
import { Redis, type RedisOptions } from 'ioredis';
import { inject } from 'vitest';

/** A real server on loopback, or the one that `TEST_REDIS_URL` names. */
export interface TestServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** A client that is ended with the server at the latest. */
  connect(options?: RedisOptions): Redis;
  /** SIGKILL, and the same port and folder again. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A name for the keys of one test, so that tests share a server. */
export function freshPrefix(): string {
  prefixes += 1;
  return `wa-sync-test-${process.pid}-${prefixes}`;
}
let prefixes = 0;

/**
 * The Redis that the files of the project `servers` share; elsewhere, and with `flags`, one of its own: the
 * `redis-server` on PATH, on a port that the system chose. Without one, and as root on Debian, it is installed; else
 * one line says what to install. With `TEST_REDIS_URL` the tests run there, but for those that give `flags`.
 */
export async function startRedis(flags: readonly string[] = []): Promise<TestServer> {
  const given = process.env.TEST_REDIS_URL || inject('redisUrl');
  if (given && flags.length === 0) return serverAt(new URL(given), null);
  const local = await startLocal(flags);
  return serverAt(new URL(local.url), local);
}

function serverAt(url: URL, own: LocalRedis | null): TestServer {
  const clients: Redis[] = [];
  const foreign = () => Promise.reject(new Error('The server of TEST_REDIS_URL is not ours to end'));
  return {
    host: url.hostname,
    port: Number(url.port || 6379),
    url: url.href,
    connect(options = {}) {
      const client = new Redis(url.href, options);
      // A client may hear of the server's end before it is ended itself.
      client.on('error', () => {});
      clients.push(client);
      return client;
    },
    kill: own?.kill ?? foreign,
    restart: own?.restart ?? foreign,
    async stop() {
      for (const client of clients) client.disconnect();
      await own?.stop();
    },
  };
}
