import { Inject, Injectable } from '@nestjs/common';
import { isWaSyncError, systemClock, type WaSync, type WaSyncErrorCode } from '@wa-sync/core';
import { withTimeout } from '@wa-sync/core/adapter';
import { WA_SYNC } from './module-options.js';

/** What Terminus takes from an indicator. */
export type WaSyncHealth<Key extends string> = Record<
  Key,
  { status: 'up' } | { status: 'down'; code: WaSyncErrorCode }
>;

/**
 * An indicator for Terminus 11 and newer, which is not needed otherwise.
 *
 * @example
 * this.health.check([() => this.waSync.isHealthy('wa-sync')])
 */
@Injectable()
export class WaSyncHealthIndicator {
  constructor(@Inject(WA_SYNC) private readonly wa: WaSync) {}

  /**
   * Up while the store answers. A phone that is offline changes nothing here: no restart of this process would fix it.
   *
   * @param options.timeoutMs - @defaultValue 2,000
   */
  async isHealthy<const Key extends string>(key: Key, { timeoutMs = 2_000 } = {}): Promise<WaSyncHealth<Key>> {
    const code = await this.whyDown(timeoutMs);
    const health = code === null ? { status: 'up' as const } : { status: 'down' as const, code };
    return { [key]: health } as WaSyncHealth<Key>;
  }

  private async whyDown(timeoutMs: number): Promise<WaSyncErrorCode | null> {
    const late = (): WaSyncErrorCode => 'store_timeout';
    try {
      return await withTimeout(systemClock, timeoutMs, () => this.wa.sessions.list({ limit: 1 }).then(() => null), {
        late,
      });
    } catch (error) {
      return isWaSyncError(error) ? error.code : 'store_failed';
    }
  }
}
