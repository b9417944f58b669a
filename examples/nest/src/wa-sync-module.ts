import { type DynamicModule, type FactoryProvider, Module } from '@nestjs/common';
import { WaSyncError } from '@wa-sync/core';
import type { WaSyncModuleAsyncOptions, WaSyncModuleOptions, WaSyncModuleRootOptions } from './module-options.js';
import { WA_SYNC_OPTIONS } from './module-options.js';
import { StopReplica } from './run-replica.js';
import { defineCoreModule } from './wa-sync-core-module.js';

/**
 * wa-sync in a Nest app: the replica, its endpoints, its listeners. Import it once; what it provides is global.
 */
// Two modules, because Nest ends global ones last: see `RunReplica`.
@Module({ providers: [StopReplica] })
export class WaSyncModule {
  /**
   * With options that are at hand.
   *
   * @throws WaSyncError `config_invalid` for an unknown option of `routes`; the app does not start on any other
   * mistake, nor where the replica does not
   * @example
   * WaSyncModule.forRoot({ store: createMemoryStore(), http: { auth: { tokens: [token] } } })
   */
  static forRoot({ routes, ...options }: WaSyncModuleRootOptions): DynamicModule {
    const provider = { provide: WA_SYNC_OPTIONS, useValue: options };
    return { module: WaSyncModule, imports: [defineCoreModule({ routes, imports: [], options: provider })] };
  }

  /**
   * With options that need other providers of the app.
   *
   * @throws WaSyncError `config_invalid` as `forRoot`
   * @example
   * WaSyncModule.forRootAsync({
   *   imports: [DatabaseModule],
   *   inject: [POOL],
   *   useFactory: (pool: Pool) => ({ store: createPostgresStore({ pool }), http: { auth: { tokens: [token] } } }),
   * })
   */
  static forRootAsync<Dependencies extends readonly unknown[]>(
    asyncOptions: WaSyncModuleAsyncOptions<Dependencies>,
  ): DynamicModule {
    const { imports = [], inject = [], useFactory, routes, ...unknown } = asyncOptions;
    for (const key of Object.keys(unknown)) {
      const takes = 'imports, inject, useFactory, routes';
      throw new WaSyncError('config_invalid', `Unknown option ${key}; forRootAsync takes: ${takes}`);
    }
    const factory = useFactory as FactoryProvider<WaSyncModuleOptions>['useFactory'];
    const provider = { provide: WA_SYNC_OPTIONS, inject, useFactory: factory };
    return { module: WaSyncModule, imports: [defineCoreModule({ routes, imports, options: provider })] };
  }
}
