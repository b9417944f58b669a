import { WaSyncError } from '../../domain/errors.js';
import type { SyncedSession, SyncReport } from '../../domain/report.js';
import { maskNumbers } from '../../domain/safe-text.js';
import { checkSessionId } from '../../domain/session.js';
import type { Config } from '../../options/config.js';
import type { WaSyncStore } from '../../ports/store.js';
import type { AskOwner } from '../inbox/ask-owner.js';
import type { HeldSessions } from '../owned-sessions/held-sessions.js';
import { HOST_ROW_MISSING } from '../reconcile/synced-session.js';
import type { Provide } from '../sessions/provide.js';
import { createReport } from './create-report.js';
import type { Sweep } from './sweep.js';

export type SyncCalls = ReturnType<typeof createSyncCalls>;

/** The ways a sync is asked for. Equal calls for everything share the one that is under way. */
export function createSyncCalls(deps: {
  config: Pick<Config, 'clock' | 'provider'>;
  store: WaSyncStore;
  held: HeldSessions;
  sweep: Sweep;
  provide: Provide;
  askOwner: AskOwner;
}) {
  const { store, held: sessions, sweep, provide, askOwner } = deps;
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
      const [row] = await store.sessions.get({ ids: [id] });
      // A session that the host wants stopped stays stopped: the host's own loop may run it.
      if (row?.desired === 'running' && row.active) await provide.open([id]);
      held = sessions.get(id);
    }
    const own = held && (await sweep.syncOne(held, { force }));
    report.add([own && own.reason !== 'owned_elsewhere' ? own : await judgeUnheld(id, force)]);
    return report.finish();
  }

  /** Another replica owns this session: ask it, and never take unknown for dead. */
  async function judgeUnheld(id: string, force: boolean): Promise<SyncedSession> {
    const startedMs = clock.monotonicMs();
    const [row] = await store.sessions.get({ ids: [id] });
    if (!row) throw new WaSyncError('session_not_found', `There is no session ${maskNumbers(id)}`);
    const unknown = (reason: string): SyncedSession => {
      const tookMs = clock.monotonicMs() - startedMs;
      return { id, stored: row.status, actual: null, action: 'unknown', reason, tookMs };
    };
    if (row.owner === null) return unknown(row.mirror.state === 'missing' ? HOST_ROW_MISSING : 'not_owned');
    const said = askOwner.mayAsk(row) ? await askOwner.ask(id, force ? 'force' : 'sync') : null;
    if (said?.kind === 'unknown') return unknown(said.why);
    if (said?.kind !== 'answered') return unknown('owned_elsewhere');
    return { ...said.answer.synced, id, tookMs: clock.monotonicMs() - startedMs };
  }

  return {
    sync: (id: string | undefined, force: boolean) => (id === undefined ? syncAll(force) : syncSession(id, force)),
  };
}
