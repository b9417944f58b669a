import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { isWaSyncError } from '@wa-sync/core';
import type { AppOptions } from '@wa-sync/example-kit';
import { WaSyncService } from '../index.js';
import { APP_OPTIONS } from './tokens.js';

/** Tells wa-sync of the sessions that shall run. */
@Injectable()
export class OpenSessions implements OnApplicationBootstrap {
  constructor(
    @Inject(WaSyncService) private readonly wa: WaSyncService,
    @Inject(APP_OPTIONS) private readonly options: AppOptions,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    for (const id of this.options.sessions ?? []) {
      try {
        await this.wa.sessions.create({ id });
      } catch (error) {
        if (!isWaSyncError(error) || error.code !== 'session_exists') throw error;
      }
    }
  }
}
