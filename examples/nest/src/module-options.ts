import type { FactoryProvider, ModuleMetadata, UseGuards } from '@nestjs/common';
import type { WaSyncOptions } from '@wa-sync/core';
import type { HttpOptions } from '@wa-sync/http';

/** A guard class, or a guard, as `@UseGuards` takes it. */
export type WaSyncGuard = Parameters<typeof UseGuards>[number];

/** Where the endpoints stand, and what stands in front of them. Nest has to know it before any factory runs. */
export interface WaSyncRoutes {
  /** Path of the endpoints, below the global prefix where there is one. @defaultValue `'whatsapp'` */
  path?: string | undefined;
  /**
   * Guards of the host on every endpoint, `/health/*` and `/openapi.json` included. They come before `http.auth`;
   * where they alone decide, say `http: { auth: 'none' }`.
   */
  guards?: readonly WaSyncGuard[] | undefined;
  /**
   * Further decorators of the controller, such as `Public()` for a guard that is global, or `ApiExcludeController()`.
   */
  decorators?: readonly ClassDecorator[] | undefined;
}

/**
 * What `createWaSync` takes, and the endpoints. `logger` is Nest's own by default. `store.close()` is called at the
 * end; a pool stays the host's.
 */
export interface WaSyncModuleOptions extends WaSyncOptions {
  /** What `createHttpHandler` takes: `auth` above all. Needed unless `routes` is `false`. */
  http?: Omit<HttpOptions, 'basePath'> | undefined;
}

/** What `WaSyncModule.forRoot` takes. */
export interface WaSyncModuleRootOptions extends WaSyncModuleOptions {
  /** `false`: no endpoints. */
  routes?: WaSyncRoutes | false | undefined;
}

/** What `WaSyncModule.forRootAsync` takes. */
export interface WaSyncModuleAsyncOptions<Dependencies extends readonly unknown[]> {
  /** Modules that export what `inject` names. */
  imports?: ModuleMetadata['imports'] | undefined;
  /** Tokens of what `useFactory` gets, in order. */
  inject?: FactoryProvider['inject'] | undefined;
  useFactory: (...dependencies: Dependencies) => WaSyncModuleOptions | Promise<WaSyncModuleOptions>;
  /** `false`: no endpoints. */
  routes?: WaSyncRoutes | false | undefined;
}

/** The options as the host's factory returns them. */
export const WA_SYNC_OPTIONS = Symbol.for('@wa-sync/nest options');

/** The replica itself. */
export const WA_SYNC = Symbol.for('@wa-sync/nest replica');

/** The endpoints as one fetch handler. */
export const WA_SYNC_HTTP = Symbol.for('@wa-sync/nest http');

/** The controller's class, `null` without endpoints. */
export const WA_SYNC_CONTROLLER = Symbol.for('@wa-sync/nest controller');
