import type { WaSync } from '@wa-sync/core';

/** The part of what `createWaSync` returns that the routes use. */
export type WaSyncLike = Pick<
  WaSync,
  | 'currentSession'
  | 'logger'
  | 'status'
  | 'syncNow'
  | 'forceSync'
  | 'cleanupSessions'
  | 'checkInactiveConversations'
  | 'runs'
  | 'history'
  | 'on'
  | 'stopping'
> & {
  readonly sessions: Pick<WaSync['sessions'], 'get' | 'list' | 'history'>;
};

/** The part of what `createWaSync` returns that the metrics use. */
export type MetricsWaSync = Pick<WaSync, 'on' | 'runs'> & { readonly sessions: Pick<WaSync['sessions'], 'list'> };
