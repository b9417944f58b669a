import { type INestApplication, VersioningType } from '@nestjs/common';
import { createMemoryStore } from '@wa-sync/core';
import { createHttpHandler } from '@wa-sync/http';
import { describeHttpContract, type Serve } from '../../../packages/http/test/describe-http-contract.js';
import { WA_SYNC_HTTP, WA_SYNC_OPTIONS } from '../src/module-options.js';
import { defineCoreModule } from '../src/wa-sync-core-module.js';
import { PLATFORMS, type Platform, startNest } from './start-nest.js';

const mounted =
  (
    platform: Platform,
    base: string,
    options: { path?: string; bodyParser?: boolean; prepare?: (app: INestApplication) => unknown } = {},
  ): Serve =>
  async (wa, http) => {
    const { path, ...rest } = options;
    // The contract plays a replica of its own: its handler stands in for that of the module's.
    const handler = { provide: WA_SYNC_HTTP, useValue: createHttpHandler(wa, http) };
    const replica = { provide: WA_SYNC_OPTIONS, useValue: { store: createMemoryStore() } };
    const { providers = [], ...module } = defineCoreModule({ routes: { path }, imports: [], options: replica });
    const imports = [{ ...module, providers: [...providers, handler] }];
    const nest = await startNest({ imports }, { platform, ...rest });
    return { url: nest.origin + base, close: nest.close };
  };

for (const platform of PLATFORMS) {
  describeHttpContract(`Nest on ${platform}`, mounted(platform, '/whatsapp'), { equalPosts: 200 });
  describeHttpContract(`Nest on ${platform} at the root`, mounted(platform, '', { path: '' }));
  describeHttpContract(
    `Nest on ${platform} under a global prefix and a version`,
    mounted(platform, '/api/v1/integrations/wa', {
      path: 'integrations/wa',
      prepare: (app) => app.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
    }),
  );
}
describeHttpContract('Nest on Express without its body parser', mounted('Express', '/whatsapp', { bodyParser: false }));
describeHttpContract('Nest on Fastify without its body parser', mounted('Fastify', '/whatsapp', { bodyParser: false }));
