import type { Config } from '../config.js';
import type { SyncedSession, SyncReport } from '../domain/report.js';
import { WaSyncError } from '../errors.js';
import type { WaSyncStore } from '../ports/store.js';
import { checkSessionId, maskNumbers } from '../session-id.js';
import { createReport } from './create-report.js';
import type { Events } from './emit-events.js';
import type { HeldSessions } from './held-sessions.js';
import type { Provide } from './provide.js';
import type { Sweep } from './sweep.js';

/** The ways a sync is asked for. Equal calls for everything share the one that is under way. */
export function createSyncCalls(deps: {
  config: Pick<Config, 'clock' | 'logger' | 'provider'>;
  store: WaSyncStore;
  held: HeldSessions;
  sweep: Sweep;
  provide: Provide;
  events: Events;
}) {
  const { store, held: sessions, sweep, provide, events } = deps;
  const { clock, logger, provider } = deps.config;
  const underWay = new Map<boolean, Promise<SyncReport>>();

  function syncAll(force: boolean): Promise<SyncReport> {
    let run = underWay.get(force);
    if (!run) {
      run = (async () => {
        if (force) await provide.openClaimable();
        return sweep.syncAll({ force });
      })().finally(() => underWay.delete(force));
      underWay.set(force, run);
    }
    return run;
  }

  async function syncSession(id: string, force: boolean): Promise<SyncReport> {
    const report = createReport(clock);
    let held = sessions.get(checkSessionId(id));
    if (!held && force && provider) {
      await provide.open([id]);
      held = sessions.get(id);
    }
    report.add([held ? await sweep.syncOne(held, { force }) : await judgeUnheld(id)]);
    return report.finish();
  }

  /** A session without a connection here: not ours to judge, and unknown is never dead. */
  async function judgeUnheld(id: string): Promise<SyncedSession> {
    const startedMs = clock.monotonicMs();
    const [row] = await store.sessions.get({ ids: [id] });
    if (!row) throw new WaSyncError('session_not_found', `There is no session ${maskNumbers(id)}`);
    const reason = row.owner === null ? 'not_owned' : 'owned_elsewhere';
    const tookMs = clock.monotonicMs() - startedMs;
    return { id, stored: row.status, actual: null, action: 'unknown', reason, tookMs };
  }

  /** The sync job; its failure is told and never thrown. */
  async function runSync(slot: Date | null): Promise<void> {
    logger.info({ job: 'sync', slot }, 'Starting scheduled session status sync');
    events.emit('job:started', { at: clock.now(), job: 'sync', slot });
    const startedMs = clock.monotonicMs();
    try {
      const { totals } = await syncAll(false);
      const tookMs = clock.monotonicMs() - startedMs;
      logger.info({ job: 'sync', slot, ...totals, tookMs }, 'Scheduled session status sync completed');
      events.emit('job:finished', { at: clock.now(), job: 'sync', slot, tookMs });
    } catch (error) {
      logger.error({ code: 'job_failed', job: 'sync', slot, error }, 'Scheduled session status sync failed');
      events.emit('job:failed', { at: clock.now(), job: 'sync', slot, error });
    }
  }

  return {
    runSync,
    sync: (id: string | undefined, force: boolean) => (id === undefined ? syncAll(force) : syncSession(id, force)),
  };
}
