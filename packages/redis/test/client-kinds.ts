import { once } from 'node:events';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import type { RedisClient } from '../src/index.js';

/** A host's client, whichever it is. */
export interface TestClient {
  readonly client: RedisClient;
  /** Waits until it has a connection that can be used. */
  ready(): Promise<void>;
  /** Sends a command that holds up every other on its connection for so long. */
  block(seconds: number): Promise<unknown>;
  end(): void;
}

/** Both clients, for `describe.each`; a connection that breaks is made again after some milliseconds. */
export const CLIENT_KINDS: ['ioredis' | 'node-redis', (port: number) => Promise<TestClient>][] = [
  [
    'ioredis',
    async (port) => {
      const client = new Redis({ host: '127.0.0.1', port, retryStrategy: () => 10 });
      client.on('error', () => {});
      return {
        client,
        async ready() {
          if (client.status !== 'ready') await once(client, 'ready');
        },
        block: (seconds) => client.call('BLPOP', 'nobody-pushes', String(seconds)),
        end: () => client.disconnect(),
      };
    },
  ],
  [
    'node-redis',
    async (port) => {
      const client = createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: () => 10 } });
      client.on('error', () => {});
      await client.connect();
      return {
        client,
        async ready() {
          if (!client.isReady) await once(client, 'ready');
        },
        block: (seconds) => client.sendCommand(['BLPOP', 'nobody-pushes', String(seconds)]),
        end() {
          if (client.isOpen) client.destroy();
        },
      };
    },
  ],
];
