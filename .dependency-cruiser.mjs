// Which way imports may point inside a package: each folder imports only folders further down its list. Folders in one
// entry stand beside each other and do not import each other. docs/ARCHITECTURE.md draws the same.
const LAYERS = {
  'packages/core/src': ['adapter', 'engine memory', 'options', 'api decide logging', 'ports', 'domain'],
  'packages/core/src/engine': [
    'replica',
    'jobs',
    'sync',
    'sessions',
    'conversations reconcile inbox',
    'lease',
    'owned-sessions',
    'messages events',
    'limits',
  ],
  'packages/baileys/src': ['session', 'socket', 'patches', 'messages', 'auth', 'close', 'client'],
  'packages/postgres/src': ['ports', 'statements', 'host-table', 'rows', 'migrations', 'driver'],
  'packages/redis/src': ['ports', 'scripts', 'driver'],
  'packages/dev': [
    'bench chaos demo docs-checks hosts-tests mutants',
    'commands',
    'faults simulator',
    'example',
    'tests',
    'fixtures servers',
    'lint nest-majors',
  ],
  'packages/http/src': ['node', 'handler', 'routes', 'access runs events metrics', 'host', 'request', 'reply'],
  'packages/cli/src': ['command-line', 'commands', 'doctor', 'target', 'terminal'],
  'packages/fake-whatsapp/src': [
    'cli',
    'server',
    'pairing',
    'messages queries',
    'session',
    'link',
    'devices',
    'baileys',
    'wire',
  ],
};

/** One rule a folder: what it may not import, which is every folder that stands above or beside it. */
function rulesOf([base, layers]) {
  const names = layers.map((layer) => layer.split(' '));
  return names.flatMap((layer, level) =>
    layer.map((folder) => {
      const forbidden = [...names.slice(0, level).flat(), ...layer].filter((other) => other !== folder);
      return {
        name: `${base}/${folder} imports only folders below it`,
        severity: 'error',
        from: { path: `^${base}/${folder}/` },
        to: { path: forbidden.length > 0 ? `^${base}/(${forbidden.join('|')})/` : '^$' },
      };
    }),
  );
}

/** A folder that the list does not know would be held to nothing. */
const unknown = Object.entries(LAYERS).map(([base, layers]) => ({
  name: `a folder of ${base} stands in the list of layers`,
  severity: 'error',
  from: {},
  to: { path: `^${base}/[^/]+/`, pathNot: `^${base}/(${layers.join(' ').split(' ').join('|')})/` },
}));

export default {
  forbidden: [
    ...Object.entries(LAYERS).flatMap(rulesOf),
    ...unknown,
    {
      name: 'no circles',
      severity: 'error',
      from: { path: '^(packages|examples)/[^/]+/src/|^packages/dev/' },
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|test|node_modules)/' },
    // Imports of types are arrows too.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: [], conditionNames: [] },
  },
};
