import { All, Controller, Inject, Req, Res, type Type, UseGuards } from '@nestjs/common';
import { WaSyncError } from '@wa-sync/core';
import { type HttpHandler, ROUTES } from '@wa-sync/http';
import { answerRequest, type PlatformRequest, type PlatformResponse } from './answer-request.js';
import type { WaSyncRoutes } from './module-options.js';
import { WA_SYNC_HTTP } from './module-options.js';

/**
 * A controller with a Nest route for each endpoint: guards, global prefix and versioning of the host work as on its
 * own routes. One route a path and no wildcard, because each Nest version and platform writes wildcards in its own
 * way.
 *
 * @throws WaSyncError `config_invalid` for an option that does not exist
 */
export function createWaSyncController(routes: WaSyncRoutes): Type {
  const { path = 'whatsapp', guards = [], decorators = [], ...unknown } = routes;
  for (const key of Object.keys(unknown)) {
    throw new WaSyncError('config_invalid', `Unknown option routes.${key}; routes takes: path, guards, decorators`);
  }

  @Controller(path)
  @UseGuards(...guards)
  class WaSyncController {
    constructor(@Inject(WA_SYNC_HTTP) readonly handler: HttpHandler) {}
  }

  for (const routePath of new Set(ROUTES.map((route) => route.path))) {
    const answer = {
      configurable: true,
      value(this: WaSyncController, request: PlatformRequest, response: PlatformResponse): void {
        answerRequest({ handler: this.handler, routePath, request, response });
      },
    };
    const { prototype } = WaSyncController;
    Object.defineProperty(prototype, routePath, answer);
    // Every method: which one fits, and 405 for the others, is the handler's to say.
    All(routePath)(prototype, routePath, answer);
    Req()(prototype, routePath, 0);
    Res()(prototype, routePath, 1);
  }
  for (const decorate of decorators) decorate(WaSyncController);
  return WaSyncController;
}
