import { createLeaseFollower, createRowFollower, type Invariant, settingsOf } from './invariant.js';

const DAY_MS = 86_400_000;
const AT_REST = ['QR_CODE', 'LOGGED_OUT', 'ERROR', 'DISCONNECTED'];
const idsOf = (result: unknown): readonly string[] => (Array.isArray(result) ? (result as string[]) : []);

export const S6: Invariant = {
  name: 'S6',
  promise: 'nothing destructive happens to sessions whose owner suspects its own network',
  check(history, bench) {
    const leases = createLeaseFollower(settingsOf(history).ttlMs);
    const { rows, follow } = createRowFollower();
    const sessionOf = new Map<string, string>();
    for (const entry of history) {
      if (entry.what === 'commit') {
        if (entry.method === 'record') {
          const { messages } = entry.params as { messages: readonly { conversationId: string; sessionId: string }[] };
          for (const { conversationId, sessionId } of messages) sessionOf.set(conversationId, sessionId);
        }
        const suspects = (id: string | undefined) => id !== undefined && leases.suspects(rows.get(id)?.owner ?? null);
        if (entry.method === 'move') {
          const { moves } = entry.params as { moves: readonly { id: string }[] };
          for (const { id } of moves) if (suspects(sessionOf.get(id))) bench.tested();
          for (const id of idsOf(entry.result)) {
            if (suspects(sessionOf.get(id)))
              bench.broken(entry.t, `${id} was moved while its session's owner suspected its network`);
          }
        }
        if (entry.method === 'inactive') {
          for (const one of entry.result as readonly {
            conversation: { id: string; sessionId: string };
            gateOpen: boolean;
          }[]) {
            if (!suspects(one.conversation.sessionId)) continue;
            bench.tested();
            if (one.gateOpen)
              bench.broken(
                entry.t,
                `the gate of ${one.conversation.id} stood open while its owner suspected its network`,
              );
          }
        }
        if (entry.method === 'deactivate') {
          for (const id of idsOf(entry.result)) {
            if (suspects(id)) bench.broken(entry.t, `${id} was deactivated while its owner suspected its network`);
          }
        }
      }
      leases.follow(entry);
      follow(entry);
    }
  },
};

export const S7: Invariant = {
  name: 'S7',
  promise: 'cleanup takes only rows that satisfy the rule at commit',
  check(history, bench) {
    const { afterDays, purgeAfterDays, storeStartMs } = settingsOf(history);
    const { rows, follow } = createRowFollower();
    for (const entry of history) {
      if (
        entry.what === 'commit' &&
        ['deactivate', 'markForPurge', 'purge'].includes(entry.method) &&
        'ids' in (entry.params as object)
      ) {
        const purges = entry.method !== 'deactivate';
        bench.tested((entry.params as { ids: readonly string[] }).ids.length);
        for (const id of idsOf(entry.result)) {
          const row = rows.get(id);
          if (!row) {
            bench.broken(entry.t, `${entry.method} took ${id}, which had no row`);
            continue;
          }
          const aliveMs = (row.lastSeenAt ?? row.createdAt).getTime();
          const days = (storeStartMs + entry.t - aliveMs) / DAY_MS;
          // A world is minutes long: a rest of days never ends in it.
          const rested = !purges || purgeAfterDays === afterDays;
          const old = days > (purges ? purgeAfterDays : afterDays) && rested;
          const fits = purges
            ? row.owner === null && !row.active && row.status !== 'CONNECTED'
            : row.active && row.status !== 'CONNECTED' && (row.owner === null || AT_REST.includes(row.status));
          if (!old || !fits) {
            bench.broken(
              entry.t,
              `${entry.method} took ${id}: ${row.status}, ${days.toFixed(1)} days, owner ${row.owner}, active ${row.active}`,
            );
          }
        }
      }
      follow(entry);
    }
  },
};

export const S15: Invariant = {
  name: 'S15',
  promise: 'a purge leaves no credentials behind',
  check(history, bench) {
    for (const entry of history) {
      if (entry.what !== 'commit' || entry.credentialsLeft === undefined || idsOf(entry.result).length === 0) continue;
      bench.tested(idsOf(entry.result).length);
      if (entry.credentialsLeft > 0)
        bench.broken(entry.t, `${entry.credentialsLeft} credential records outlived their session`);
    }
  },
};
