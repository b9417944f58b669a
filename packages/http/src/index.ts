export type { Ask } from './ask.js';
export { createHttpHandler, type HttpContext, type HttpHandler } from './create-http-handler.js';
export { ENDPOINTS as ROUTES } from './endpoints.js';
export type { Reply } from './make-reply.js';
export type { Access, Authorize, HostContext, HttpOptions, MetricsSource, Role } from './options.js';
export { type FieldError, PROBLEMS, type ProblemCode } from './problems.js';
export type { Endpoint as Route } from './route.js';
export { type NodeHandler, toNodeHandler } from './to-node-handler.js';
export type { WaSyncLike } from './wa-sync-like.js';
