import type { Config } from '../config.js';
import type { SyncedSession, SyncReport } from '../domain/report.js';
import { WaSyncError } from '../errors.js';
import type { WaSyncStore } from '../ports/store.js';
import { checkSessionId, maskNumbers } from '../session-id.js';
import { createReport } from './create-report.js';
import type { HeldSessions } from './held-sessions.js';
import type { Provide } from './provide.js';
import type { Sweep } from './sweep.js';

export type SyncCalls = ReturnType<typeof createSyncCalls>;

/** The ways a sync is asked for. Equal calls for everything share the one that is under way. */
export function createSyncCalls(deps: {
  config: Pick<Config, 'clock' | 'provider'>;
  store: WaSyncStore;
  held: HeldSessions;
  sweep: Sweep;
  provide: Provide;
}) {
  const { store, held: sessions, sweep, provide } = deps;
  const { clock, provider } = deps.config;
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

  return {
    sync: (id: string | undefined, force: boolean) => (id === undefined ? syncAll(force) : syncSession(id, force)),
  };
}
