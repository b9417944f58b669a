import { createHttpHandler, type HttpOptions, toNodeHandler, type WaSyncLike } from '@wa-sync/http';
import express, { type Router } from 'express';

/** The options of `createHttpHandler`; the path is the one that you mount the router under. */
export type WaSyncRouterOptions = Omit<HttpOptions, 'basePath'>;

/**
 * The endpoints of wa-sync as an Express router: mount it under any path, before or after `express.json()`. Other
 * paths go on to the routes after it. It logs to the logger of `createWaSync`.
 *
 * @throws WaSyncError `config_invalid` that names each wrong option and what it takes
 * @example
 * app.use('/whatsapp', createWaSyncRouter(wa, { auth: { tokens: [process.env.WA_SYNC_TOKEN ?? ''] } }));
 */
export function createWaSyncRouter(wa: WaSyncLike, options: WaSyncRouterOptions): Router {
  const router = express.Router();
  router.use(toNodeHandler(createHttpHandler(wa, options)));
  return router;
}
