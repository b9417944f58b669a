import { Injectable, Logger } from '@nestjs/common';
import type { SessionStatus, WaSyncEvents } from '@wa-sync/core';
import { OnWaSync } from '@wa-sync/nest';

const NEEDS_A_PERSON: Partial<Record<SessionStatus, string>> = {
  QR_CODE: 'scan its QR code',
  LOGGED_OUT: 'pair it again',
  REPLACED: 'it was opened elsewhere',
  ERROR: 'read its reason',
};

/** Says which session needs a person; a real helpdesk would send this to its team. */
@Injectable()
export class SessionAlerts {
  private readonly logger = new Logger(SessionAlerts.name);

  @OnWaSync('session:changed')
  alert({ sessionId, to }: WaSyncEvents['session:changed']): void {
    const fix = NEEDS_A_PERSON[to];
    if (fix !== undefined) this.logger.warn(`Session ${sessionId} needs a person: ${fix}`);
  }
}
