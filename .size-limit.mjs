/** Bundled and minified as a server would have it: node's own modules stay outside. */
const forNode = (config) => ({ ...config, platform: 'node', format: 'esm' });
const shared = { gzip: true, modifyEsbuildConfig: forNode };

export default [
  // 61,440 bytes; the tool counts a kB as 1,000.
  { name: '@wa-sync/core with its dependencies', path: 'packages/core/dist/index.js', limit: '60 KiB', ...shared },
  {
    name: '@wa-sync/http with zod, hono and the OpenAPI document; core, which a host has anyway, has its own line',
    path: 'packages/http/dist/index.js',
    limit: '40 kB',
    ignore: ['@wa-sync/core'],
    ...shared,
  },
];
