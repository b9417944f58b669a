import { silentLogger } from '@wa-sync/core';
import { createHttpHandler, toNodeHandler } from '@wa-sync/http';
import express, { type Express } from 'express';
import express4 from 'express4';
import { describe, expect, it } from 'vitest';
import { describeHttpContract, type Serve } from '../../../packages/http/test/describe-http-contract.js';
import { listen } from '../../../packages/http/test/listen.js';
import { startWorld, TOKEN } from '../../../packages/http/test/start-world.js';
import { createWaSyncRouter } from '../src/index.js';

const mounted =
  (path: string, prepare: (app: Express) => void = () => {}, create: () => Express = express): Serve =>
  async (wa, { basePath: _, ...options }) => {
    const app = create();
    prepare(app);
    app.use(path, createWaSyncRouter(wa, options));
    const server = await listen(app);
    return { url: server.origin + (path === '/' ? '' : path), close: server.close };
  };

const parse = (app: Express) => app.use(express.json(), express.urlencoded());
const nest: Serve = async (wa, { basePath: _, ...options }) => {
  const api = express.Router();
  api.use('/wa', createWaSyncRouter(wa, options));
  const app = express();
  app.use('/api', api);
  const server = await listen(app);
  return { url: `${server.origin}/api/wa`, close: server.close };
};

describeHttpContract('Express 5 at the root', mounted('/'), { equalPosts: 200 });
describeHttpContract('Express 5 under a prefix', mounted('/whatsapp'));
describeHttpContract('Express 5 at the root, after body parsers', mounted('/', parse));
describeHttpContract('Express 5 under a prefix, after body parsers', mounted('/whatsapp', parse));
// The router is one of Express 5 here, mounted into an app of Express 4.
const parse4 = (app: Express) => app.use(express4.json(), express4.urlencoded({ extended: false }));

describeHttpContract('Express 4 at the root', mounted('/', undefined, express4), { equalPosts: 200 });
describeHttpContract('Express 4 under a prefix', mounted('/whatsapp', undefined, express4));
describeHttpContract('Express 4 under a prefix, after body parsers', mounted('/whatsapp', parse4, express4));

/** An app of Express 4 whose router is one of Express 4 as well, as where the host has no other Express. */
describeHttpContract('Express 4 with a router of its own', async (wa, { basePath: _, ...options }) => {
  const router = express4.Router();
  router.use(toNodeHandler(createHttpHandler(wa, options)));
  const app = express4();
  app.use(express4.json());
  app.use('/api/wa', router);
  const server = await listen(app);
  return { url: `${server.origin}/api/wa`, close: server.close };
});

describeHttpContract('Express 5 in a router in a router', nest);

describe('beside the routes of the host', () => {
  it('leaves paths that are not its own to the host, their bodies untouched', async () => {
    const world = await startWorld();
    const app = express();
    app.use('/', createWaSyncRouter(world.wa, { auth: { tokens: [TOKEN] } }));
    app.post('/orders', express.json(), (request, response) => void response.json({ got: request.body }));
    const server = await listen(app);
    try {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${server.origin}/orders`, { method: 'POST', headers, body: '{"item":7}' });
      expect(await response.json()).toEqual({ got: { item: 7 } });
    } finally {
      await server.close();
      await world.stop();
    }
  });

  it('logs to the logger of the replica', async () => {
    const lines: string[] = [];
    const logger = { ...silentLogger, info: (_: object, line: string) => void lines.push(line) };
    const world = await startWorld({ logger });
    lines.length = 0;
    const app = express().use('/wa', createWaSyncRouter(world.wa, { auth: { tokens: [TOKEN] } }));
    const server = await listen(app);
    try {
      await fetch(`${server.origin}/wa/force-sync`, { method: 'POST', headers: { 'x-api-key': TOKEN } });
      expect(lines).toContain('POST /force-sync answered 200');
    } finally {
      await server.close();
      await world.stop();
    }
  });
});
