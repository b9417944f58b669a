import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { WaSync } from '@wa-sync/core';
import type { WaSyncModuleOptions } from './module-options.js';
import { nestLogger } from './nest-logger.js';
import { WA_SYNC, WA_SYNC_OPTIONS } from './tokens.js';

/** Hosts call `enableShutdownHooks()` before `listen()`, or right after it. */
const LOOK_FOR_HOOKS_AFTER_MS = 1_000;

/**
 * Stops the replica in the first phase of a shutdown, `onModuleDestroy`: pools close in it or later, those of modules that ours imports after us
 * (Nest 10 alone goes the other way round). A server that waits for its last connection cannot hold up the last rows.
 */
@Injectable()
export class StopReplica implements OnApplicationBootstrap, OnModuleDestroy {
  private lookForHooks: NodeJS.Timeout | undefined;
  private stopped: Promise<void> | null = null;

  constructor(
    @Inject(WA_SYNC) private readonly wa: WaSync,
    @Inject(WA_SYNC_OPTIONS) private readonly options: WaSyncModuleOptions,
  ) {}

  onApplicationBootstrap(): void {
    this.lookForHooks = setTimeout(() => this.warnWithoutHooks(), LOOK_FOR_HOOKS_AFTER_MS).unref();
  }

  /** `app.close()` may be called twice. */
  onModuleDestroy(): Promise<void> {
    this.stopped ??= this.stop();
    return this.stopped;
  }

  private async stop(): Promise<void> {
    clearTimeout(this.lookForHooks);
    await this.wa.stop();
    await this.options.store.close();
  }

  /** Nest does not say whether its hooks are on; in a process where nobody listens to SIGTERM they surely are off. */
  private warnWithoutHooks(): void {
    if (process.listenerCount('SIGTERM') > 0) return;
    const logger = this.options.logger ?? nestLogger();
    logger.warn(
      { code: 'shutdown_hooks_off' },
      'Shutdown hooks are off: call app.enableShutdownHooks(), or after a SIGTERM rows say CONNECTED until the lease is over',
    );
  }
}
