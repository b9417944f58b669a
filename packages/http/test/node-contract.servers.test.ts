import { createHttpHandler, toNodeHandler } from '../src/index.js';
import { describeHttpContract } from './describe-http-contract.js';
import { listen } from './listen.js';

describeHttpContract(
  'node:http under the default path',
  async (wa, options) => {
    const server = await listen(toNodeHandler(createHttpHandler(wa, options)));
    return { url: `${server.origin}/whatsapp`, close: server.close };
  },
  { equalPosts: 200 },
);

describeHttpContract('node:http at the root', async (wa, options) => {
  const server = await listen(toNodeHandler(createHttpHandler(wa, { ...options, basePath: '/' })));
  return { url: server.origin, close: server.close };
});

describeHttpContract('node:http with a deep path of the bridge', async (wa, options) => {
  const server = await listen(toNodeHandler(createHttpHandler(wa, options), { basePath: '/api/v1/wa/' }));
  return { url: `${server.origin}/api/v1/wa`, close: server.close };
});
