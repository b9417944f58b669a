/** Bundled and minified as a server would have it: node's own modules stay outside. */
const forNode = (config) => ({ ...config, platform: 'node', format: 'esm' });
const shared = { gzip: true, modifyEsbuildConfig: forNode };

export default [
  { name: '@wa-sync/core with its dependencies', path: 'packages/core/dist/index.js', limit: '60 kB', ...shared },
];
