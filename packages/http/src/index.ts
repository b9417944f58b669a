export { createHttpHandler, type HttpContext, type HttpHandler } from './handler/create-http-handler.js';
export type { Access, Authorize, HostContext, HttpOptions, MetricsSource, Role, WaSyncLike } from './host/options.js';
export { type NodeHandler, toNodeHandler } from './node/to-node-handler.js';
export type { Reply } from './reply/make-reply.js';
export { type FieldError, PROBLEMS, type ProblemCode } from './reply/problems.js';
export type { Ask } from './request/ask.js';
export type { Endpoint as Route } from './routes/route.js';

import type { Endpoint } from './routes/route.js';
import { ROUTES as ALL_ROUTES } from './routes/routes.js';

/** Every endpoint, in the order of the docs; what checks and handles its calls is not published. */
export const ROUTES: readonly Endpoint[] = ALL_ROUTES;
