import {
  type DynamicModule,
  Inject,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  type OnModuleInit,
  type Provider,
  type Type,
} from '@nestjs/common';
import { DiscoveryModule, DiscoveryService, HttpAdapterHost } from '@nestjs/core';
import { createWaSync } from '@wa-sync/core';
import { createHttpHandler, type HttpOptions, type WaSyncLike } from '@wa-sync/http';
import { leaveBodyUnread } from './answer-request.js';
import { createWaSyncController } from './create-wa-sync-controller.js';
import type { WaSyncModuleOptions, WaSyncRoutes } from './module-options.js';
import { WA_SYNC, WA_SYNC_CONTROLLER, WA_SYNC_HTTP, WA_SYNC_OPTIONS } from './module-options.js';
import { nestLogger } from './nest-logger.js';
import { RunReplica } from './run-replica.js';
import { WaSyncHealthIndicator } from './wa-sync-health-indicator.js';
import { WaSyncService } from './wa-sync-service.js';
import { watchRoutes } from './watch-routes.js';

/** The global part: the replica, what the host injects, and the endpoints. */
@Module({})
class WaSyncCoreModule implements NestModule, OnModuleInit {
  private stopWatching = () => {};

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(WA_SYNC_CONTROLLER) private readonly controller: Type | null,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
  ) {}

  configure(consumer: MiddlewareConsumer): void {
    const { controller, discovery } = this;
    const adapter = this.host.httpAdapter;
    if (controller === null) return;
    // Middleware is configured before any route is registered, and `onModuleInit` is called after the last one.
    this.stopWatching = watchRoutes({ adapter, controller, discovery });
    if (adapter.getType() === 'fastify') consumer.apply(leaveBodyUnread).forRoutes(controller);
  }

  onModuleInit(): void {
    this.stopWatching();
  }
}

/** The global part of the module, with the host's options. */
export function defineCoreModule(params: {
  routes: WaSyncRoutes | false | undefined;
  imports: NonNullable<DynamicModule['imports']>;
  options: Provider<WaSyncModuleOptions>;
}): DynamicModule {
  const { routes = {}, imports, options } = params;
  const controller = routes === false ? null : createWaSyncController(routes);
  return {
    module: WaSyncCoreModule,
    global: true,
    imports: [DiscoveryModule, ...imports],
    controllers: controller === null ? [] : [controller],
    providers: [
      options,
      { provide: WA_SYNC, inject: [WA_SYNC_OPTIONS], useFactory: createReplica },
      { provide: WA_SYNC_CONTROLLER, useValue: controller },
      ...(controller === null ? [] : [HTTP_PROVIDER]),
      RunReplica,
      WaSyncService,
      WaSyncHealthIndicator,
    ],
    exports: [RunReplica, WaSyncService, WaSyncHealthIndicator],
  };
}

const HTTP_PROVIDER: Provider = {
  provide: WA_SYNC_HTTP,
  inject: [WA_SYNC, WA_SYNC_OPTIONS],
  useFactory: (wa: WaSyncLike, { http }: WaSyncModuleOptions) =>
    // Without `auth` the handler is not built, and its error says what is missing.
    createHttpHandler(wa, http as HttpOptions),
};

function createReplica({ http: _, logger = nestLogger(), ...options }: WaSyncModuleOptions) {
  return createWaSync({ ...options, logger });
}
