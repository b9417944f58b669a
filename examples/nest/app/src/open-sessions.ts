import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { WaSyncService } from '@wa-sync/nest';
import type { Settings } from './settings.js';
import { SETTINGS } from './tokens.js';

/** Adds to wa-sync the sessions that shall run. */
@Injectable()
export class OpenSessions implements OnApplicationBootstrap {
  constructor(
    @Inject(WaSyncService) private readonly wa: WaSyncService,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    for (const id of this.settings.sessions) await this.wa.sessions.ensure({ id });
  }
}
