export { createWaSyncRouter, type WaSyncRouterOptions } from './create-wa-sync-router.js';
