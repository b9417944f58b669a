/**
 * The life of the replica inside a Nest app. Listeners are subscribed when every provider exists (`onModuleInit`). The
 * replica starts when every module is initialised (`onApplicationBootstrap`), in Nest 11 and 12 ahead of all else that
 * waits for that, because this module is global. It stops in the first phase of a shutdown (`onModuleDestroy`), in
 * which others close the pool that the last rows are written through. Nest 11 and 12 end importers before what they
 * import, but global modules last: so the module that the host imports calls `stop` too, and the first call counts.
 * Nest 10 ends what is imported first; there a pool has to be closed in a later phase.
 */
import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { Logger, WaSync } from '@wa-sync/core';
import { WA_SYNC, WA_SYNC_OPTIONS, type WaSyncModuleOptions } from './module-options.js';
import { subscribeListeners } from './on-wa-sync.js';

/** Hosts call `enableShutdownHooks()` before `listen()`, or right after it. */
const CHECK_HOOKS_AFTER_MS = 1_000;

@Injectable()
export class RunReplica implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger: Logger;
  private hooksCheck: NodeJS.Timeout | undefined;
  private stopped: Promise<void> | null = null;

  constructor(
    @Inject(WA_SYNC) private readonly wa: WaSync,
    @Inject(WA_SYNC_OPTIONS) private readonly options: WaSyncModuleOptions,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
  ) {
    this.logger = wa.logger;
  }

  onModuleInit(): void {
    const { wa, logger, discovery } = this;
    subscribeListeners({ wa, logger, discovery });
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.wa.start();
    this.hooksCheck = setTimeout(() => this.warnWithoutHooks(), CHECK_HOOKS_AFTER_MS).unref();
  }

  onModuleDestroy(): Promise<void> {
    return this.stop();
  }

  /** May be called again. */
  stop(): Promise<void> {
    this.stopped ??= this.stopOnce();
    return this.stopped;
  }

  private async stopOnce(): Promise<void> {
    clearTimeout(this.hooksCheck);
    await this.wa.stop();
    await this.options.store.close();
  }

  /** Nest does not say whether its hooks are on; in a process where nobody listens to SIGTERM they surely are off. */
  private warnWithoutHooks(): void {
    if (process.listenerCount('SIGTERM') > 0) return;
    this.logger.warn(
      { code: 'shutdown_hooks_off' },
      'Shutdown hooks are off: call app.enableShutdownHooks(), or after a SIGTERM rows say CONNECTED until the lease is over',
    );
  }
}

/** Stops the replica where Nest 11 and 12 come first in a shutdown: in the module that the host imports. */
@Injectable()
export class StopReplica implements OnModuleDestroy {
  constructor(@Inject(RunReplica) private readonly replica: RunReplica) {}

  onModuleDestroy(): Promise<void> {
    return this.replica.stop();
  }
}
