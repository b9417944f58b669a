import type { ReplicaState } from '@wa-sync/postgres';
import type { Finding } from './find-problems.js';

/** A clock of a host that is off by less hardly shows. */
const SKEW_MS = 2_000;

/** Checks who holds leases. */
export function findInLeases(replicas: readonly ReplicaState[], checked: string[]): Finding[] {
  const alive = replicas.filter((replica) => replica.alive);
  const named = alive.map(({ replicaId, sessions }) => `${replicaId} (${sessions})`).join(', ');
  const run = alive.length === 1 ? '1 process runs' : `${alive.length} processes run`;
  checked.push(alive.length === 0 ? 'No process runs' : `${run}, with so many sessions: ${named}`);
  const findings: Finding[] = [];
  const warn = (code: string, what: string, fix: string) => findings.push({ level: 'warn', code, what, fix });
  for (const { replicaId } of alive.filter(({ massOutage }) => massOutage)) {
    const what = `${replicaId} sees most of its sessions dead at once, and takes its own network for the cause`;
    warn(
      'mass_outage',
      what,
      'Check the network of that host. Until it is over, nothing is cleaned up or closed there.',
    );
  }
  for (const { replicaId } of alive.filter(({ stuck }) => stuck)) {
    const what = `${replicaId} lives but could write no row for a while: readers are told that its sessions are expired`;
    const fix =
      'Look for what holds the tables: SELECT pid, query FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids(<a waiting pid>)). Its rows are right again by themselves, seconds after that ends.';
    warn('rows_stuck', what, fix);
  }
  const ids = alive.map(({ replicaId }) => replicaId);
  for (const twice of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) {
    const fix =
      'Leave replicaId out, or give each process its own, such as the name of its pod; then restart one of the two.';
    warn('replica_id_twice', `Two living processes call themselves ${twice}`, fix);
  }
  for (const { replicaId, sessions, silentForMs } of replicas.filter((replica) => !replica.alive)) {
    if (sessions === 0) continue;
    const held = `${sessions} ${sessions === 1 ? 'session' : 'sessions'}`;
    const what = `The lease of ${replicaId} is over, and ${held} still ${sessions === 1 ? 'is' : 'are'} its own: last heard of ${Math.round(silentForMs / 1_000)} s ago`;
    warn(
      'lease_over',
      what,
      'Start it again, or leave it to another process of this database: one that runs takes over within a minute.',
    );
  }
  return findings;
}

/** Compares the clock of this host with that of the database; `askedForMs` is how long the answer took. */
export function findInClocks(
  clocks: { hostNow: Date; storeNow: Date; askedForMs: number },
  checked: string[],
): Finding[] {
  const { hostNow, storeNow, askedForMs } = clocks;
  const skewMs = hostNow.getTime() - askedForMs / 2 - storeNow.getTime();
  if (Math.abs(skewMs) <= SKEW_MS + askedForMs / 2) {
    checked.push('The clocks of this host and of the database agree');
    return [];
  }
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  const what = `The clock of this host is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} that of the database`;
  const fix =
    'Let both follow a time server (timedatectl set-ntp true). wa-sync decides by the clock of the database alone; your own code may not.';
  return [{ level: 'warn', code: 'clock_skew', what, fix }];
}
