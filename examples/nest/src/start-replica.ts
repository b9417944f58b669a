import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { WaSync } from '@wa-sync/core';
import type { WaSyncModuleOptions } from './module-options.js';
import { nestLogger } from './nest-logger.js';
import { subscribeListeners } from './subscribe-listeners.js';
import { WA_SYNC, WA_SYNC_OPTIONS } from './tokens.js';

/**
 * Subscribes the listeners when every provider exists, and starts the replica when every module is initialised: ahead of what else waits for
 * `onApplicationBootstrap`, because the module it stands in is global.
 */
@Injectable()
export class StartReplica implements OnModuleInit, OnApplicationBootstrap {
  constructor(
    @Inject(WA_SYNC) private readonly wa: WaSync,
    @Inject(WA_SYNC_OPTIONS) private readonly options: WaSyncModuleOptions,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
  ) {}

  onModuleInit(): void {
    const { wa, discovery } = this;
    subscribeListeners({ wa, discovery, logger: this.options.logger ?? nestLogger() });
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.wa.start();
  }
}
