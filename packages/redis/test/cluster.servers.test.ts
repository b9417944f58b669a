import { joinReplica } from '@wa-sync/dev/fixtures/hold-sessions';
import { Cluster, type Redis } from 'ioredis';
import { createCluster } from 'redis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createRedisStore, type RedisClient } from '../src/index.js';
import { startRedis, type TestServer } from './start-redis.js';
import { keysOf } from './store-harness.js';
import { useEveryPart } from './use-every-part.js';

const NODES = 3;

let servers: TestServer[] = [];
let raws: Redis[];

beforeAll(async () => {
  servers = await Promise.all(
    Array.from({ length: NODES }, () => startRedis(['--cluster-enabled', 'yes', '--cluster-node-timeout', '5000'])),
  );
  raws = servers.map((server) => server.connect());
  for (const [index, raw] of raws.entries()) {
    const [from, to] = [index, index + 1].map((part) => Math.floor((part * 16_384) / NODES));
    await raw.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to! - 1));
    await raw.call('CONFIG', 'SET', 'cluster-announce-ip', '127.0.0.1');
    const [, bus] = (await raw.call('CONFIG', 'GET', 'cluster-port')) as [string, string];
    if (index > 0) await raws[0]!.call('CLUSTER', 'MEET', '127.0.0.1', String(servers[index]!.port), bus);
  }
  const isWhole = async (raw: Redis) => {
    const info = String(await raw.call('CLUSTER', 'INFO'));
    expect(info).toContain('cluster_state:ok');
    expect(info).toContain(`cluster_known_nodes:${NODES}`);
  };
  await vi.waitFor(() => Promise.all(raws.map(isWhole)), { timeout: 30_000, interval: 50 });
}, 60_000);
afterAll(async () => {
  for (const server of servers) await server.stop();
});

interface Client {
  readonly client: RedisClient;
  end(): void;
}

const kinds: [string, () => Promise<Client>][] = [
  [
    'ioredis',
    async () => {
      const client = new Cluster(servers.map(({ port }) => ({ host: '127.0.0.1', port })));
      return { client, end: () => client.disconnect() };
    },
  ],
  [
    'node-redis',
    async () => {
      const client = createCluster({ rootNodes: servers.map(({ url }) => ({ url })) });
      client.on('error', () => {});
      await client.connect();
      return { client, end: () => client.destroy() };
    },
  ],
];

describe.each(kinds)('a cluster of three nodes, through %s', (name, connect) => {
  it('has every part of a store on one of them, wherever that is', async () => {
    const { client, end } = await connect();
    const places = new Set<number>();
    for (let round = 0; round < 6; round += 1) {
      const prefix = `${name} ${round}`;
      const store = createRedisStore({ client, prefix });
      await store.init();
      const ids = await useEveryPart(store, await joinReplica(store));
      expect(await store.sessions.list({ limit: 100 })).toHaveLength(ids.length);
      const counts = await Promise.all(raws.map(async (raw) => (await keysOf(raw, prefix)).length));
      const holding = counts.filter((count) => count > 0);
      expect(holding).toHaveLength(1);
      expect(holding[0]).toBeGreaterThan(22);
      places.add(counts.findIndex((count) => count > 0));
      await store.close();
    }
    // Six names that all fell on one node would show little.
    expect(places.size).toBeGreaterThan(1);
    end();
  });

  it('notifies replicas, whichever node they listen at', async () => {
    const one = await connect();
    const two = await connect();
    const [store, other] = [one, two].map(({ client }) => createRedisStore({ client, prefix: `wakes ${name}` }));
    const owner = await joinReplica(store!);
    await useEveryPart(store!, owner);
    let heard = 0;
    await store!.inbox.listen!({
      incarnation: owner,
      notify: () => {
        heard += 1;
      },
    });
    heard = 0;
    const requests = [{ id: 'wake', sessionId: 'held', kind: 'sync' as const }];
    expect(await other!.inbox.ask({ asker: 'x', requests, ttlMs: 10_000 })).toEqual(['wake']);
    await vi.waitFor(() => expect(heard).toBe(1), { timeout: 5_000, interval: 5 });
    await store!.close();
    const listeners = async () => {
      const counts = raws.map(
        (raw) => raw.call('PUBSUB', 'NUMSUB', `{wakes ${name}}:wake`) as Promise<[string, number]>,
      );
      return (await Promise.all(counts)).reduce((sum, [, count]) => sum + count, 0);
    };
    await vi.waitFor(async () => expect(await listeners()).toBe(0), { timeout: 5_000, interval: 5 });
    one.end();
    two.end();
  });
});
