export type {
  WaSyncGuard,
  WaSyncModuleAsyncOptions,
  WaSyncModuleOptions,
  WaSyncModuleRootOptions,
  WaSyncRoutes,
} from './module-options.js';
export { nestLogger } from './nest-logger.js';
export { OnWaSync } from './on-wa-sync.js';
export { type WaSyncHealth, WaSyncHealthIndicator } from './wa-sync-health-indicator.js';
export { WaSyncModule } from './wa-sync-module.js';
export { WaSyncService } from './wa-sync-service.js';
