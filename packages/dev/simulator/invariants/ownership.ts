import type { Claim, ClaimOutcome, GuardedWrite, Heartbeat } from '@wa-sync/core';
import { createLeaseFollower, createRowFollower, type Invariant, settingsOf } from './invariant.js';
import { createOwnLeases } from './own-leases.js';
import { lifeOf, livesOf } from './processes.js';

/** A tenure has one session and one owner, comes once, and is opened once, while the lease of its owner stands. */
export const S2: Invariant = {
  name: 'S2',
  promise: 'one owner per tenure; a second socket on one number only where WhatsApp itself ends the first',
  check(history, bench) {
    const granted = new Map<string, string>();
    const replaced = new Map<string, Set<string>>();
    const opened = new Set<string>();
    const { rows, follow } = createRowFollower();
    const links = new Map<string, { readonly actor: string; readonly mode: string | undefined }>();
    const lives = livesOf(history);
    const settings = settingsOf(history);
    const own = createOwnLeases(settings, lives);
    const leases = createLeaseFollower(settings.ttlMs);
    /** A store that went back knows less of the leases than their owners were told. */
    let wentBack = false;
    for (const entry of history) {
      if (entry.what === 'rollback') {
        replaced.clear();
        wentBack = true;
      }
      if (entry.what === 'commit' && entry.method === 'claim' && entry.result !== 'refused') {
        const { owner, claims } = entry.params as { owner: string; claims: readonly Claim[] };
        const won = new Set(
          (entry.result as readonly ClaimOutcome[]).filter((one) => one.claimed).map((one) => one.id),
        );
        for (const { id, tenure, mode } of claims) {
          bench.tested();
          if (!won.has(id)) continue;
          const heldBy = rows.get(id)?.owner ?? null;
          if (mode === 'free' && heldBy !== null && heldBy !== owner) {
            bench.broken(entry.t, `${entry.actor} took ${id} from ${heldBy}, which held it`);
          }
          const holder = JSON.stringify([id, owner]);
          if ((granted.get(tenure) ?? holder) !== holder) bench.broken(entry.t, `tenure ${tenure} was given twice`);
          granted.set(tenure, holder);
        }
      }
      if (entry.what === 'commit') {
        for (const { before, after } of entry.changes) {
          if (!before || !after || before.tenure === after.tenure) continue;
          const past = replaced.get(after.id) ?? new Set();
          if (before.tenure) past.add(before.tenure);
          replaced.set(after.id, past);
          if (after.tenure && past.has(after.tenure))
            bench.broken(entry.t, `${after.id}: tenure ${after.tenure} came back`);
          if (after.tenure && granted.get(after.tenure) !== JSON.stringify([after.id, after.owner])) {
            bench.broken(entry.t, `${after.id} is held under a tenure that nobody was given`);
          }
        }
      }
      if (entry.what === 'connection-closed' && entry.tenure) opened.delete(entry.tenure);
      if (entry.what === 'provider-open') {
        if (entry.fenced) bench.broken(entry.t, `${entry.session} was opened under a claim that was lost`);
        if (opened.has(entry.tenure)) bench.broken(entry.t, `${entry.session} was opened twice under one tenure`);
        opened.add(entry.tenure);
        const [, owner] = JSON.parse(granted.get(entry.tenure) ?? '[null,null]') as [string, string];
        if (!owner || lifeOf(lives, owner)?.name !== entry.actor) {
          bench.broken(entry.t, `${entry.actor} opened ${entry.session} without a claim`);
        }
        bench.tested();
        if (own.isOver(entry.actor, entry.t)) {
          bench.broken(entry.t, `${entry.actor} opened ${entry.session} after its lease was over by its own account`);
        }
        const renewedMs = own.renewedAt(entry.actor) ?? entry.t;
        const asleep = lives.get(entry.actor)?.suspendedIn(renewedMs, entry.t);
        if (owner && !wentBack && !asleep && !leases.stands(owner, entry.t)) {
          bench.broken(entry.t, `${entry.actor} opened ${entry.session} after its lease was over in the store`);
        }
      }
      if (entry.what === 'link' && entry.event === 'open')
        links.set(entry.link, { actor: entry.actor, mode: entry.mode });
      if (entry.what === 'link' && entry.event === 'ended' && entry.why === 'conflict') {
        bench.tested();
        const ended = links.get(entry.link);
        const next = history[history.indexOf(entry) + 1];
        const byOwn =
          next?.what === 'link' &&
          next.event === 'open' &&
          next.session === entry.session &&
          next.actor === ended?.actor;
        if (ended?.mode === 'provided' && byOwn)
          bench.broken(entry.t, `${ended.actor} opened a second socket on ${entry.session}`);
      }
      own.follow(entry);
      leases.follow(entry);
      follow(entry);
    }
  },
};

/** Nobody who could renew its lease loses it, and a challenger has seen enough before it ends one. */
export const S5: Invariant = {
  name: 'S5',
  promise: 'an outage of the store causes no takeover, rejects nothing unhandled, and writes nothing false',
  check(history, bench) {
    const { ttlMs, tickMs, storeLimitMs } = settingsOf(history);
    const lives = livesOf(history);
    const sentAt = new Map<number, number>();
    const answers = new Map<
      number,
      { number: number; after: number | null; lastKnown: boolean; others: readonly Heartbeat[] }
    >();
    /** By replica and number: a store that went back draws the same again, for somebody else. */
    const arrivals = new Map<string, number>();
    /** By call, when a renewal that is committed had been asked for; one that a rollback lost renewed nothing. */
    const renewals = new Map<string, Map<number, number>>();
    const sights = new Map<
      string,
      { lastMs: number; seen: Map<string, { number: number; sinceMs: number; times: number }> }
    >();
    for (const entry of history) {
      if (entry.what === 'rollback')
        for (const own of renewals.values()) for (const call of entry.calls) own.delete(call);
      if (entry.what === 'rejection') bench.broken(entry.t, `unhandled rejection: ${entry.error}`);
      if (entry.what === 'impaired' && !entry.on) bench.tested();
      if (entry.what === 'call' && (entry.method === 'beat' || entry.method === 'join'))
        sentAt.set(entry.call, entry.t);
      if (entry.what === 'commit' && sentAt.has(entry.call)) {
        const result = entry.result as {
          alive?: boolean;
          number: number;
          lastKnown: boolean;
          others?: readonly Heartbeat[];
        };
        const { incarnation, after = null } = entry.params as { incarnation: string; after?: number | null };
        if (result.alive && result.others) {
          const { number, lastKnown } = result;
          answers.set(entry.call, { number, after, lastKnown, others: result.others });
          const own = renewals.get(incarnation) ?? new Map<number, number>();
          renewals.set(incarnation, own.set(entry.call, sentAt.get(entry.call)!));
        }
      }
      const beganMs = sentAt.get(entry.what === 'answer' ? entry.call : -1) ?? 0;
      const rate = lives.get(entry.actor)?.clockRate ?? 1;
      // What was answered after the limit was given up before.
      if (entry.what === 'answer' && entry.ok && answers.has(entry.call) && (entry.t - beganMs) * rate < storeLimitMs) {
        const known = sights.get(entry.actor) ?? { lastMs: Number.NEGATIVE_INFINITY, seen: new Map() };
        if ((beganMs - known.lastMs) * rate > 2 * tickMs + 1_000) known.seen.clear();
        known.lastMs = beganMs;
        const { number: own, after, lastKnown, others } = answers.get(entry.call)!;
        if (!lastKnown) known.seen.clear();
        arrivals.set(`${entry.actor} ${own}`, entry.t);
        for (const { incarnation, number } of others) {
          const seen = known.seen.get(incarnation);
          const still = lastKnown && after !== null && number < after;
          if (seen?.number === number) seen.times += 1;
          else if (still)
            known.seen.set(incarnation, {
              number,
              sinceMs: arrivals.get(`${entry.actor} ${after}`) ?? entry.t,
              times: 3,
            });
          else known.seen.set(incarnation, { number, sinceMs: entry.t, times: 1 });
        }
        sights.set(entry.actor, known);
      }
      if (entry.what === 'call' && entry.method === 'fence') {
        const { incarnation } = entry.params as { incarnation: string };
        bench.tested();
        const challenger = lives.get(entry.actor);
        const target = lifeOf(lives, incarnation);
        const known = sights.get(entry.actor);
        const seen = known?.seen.get(incarnation);
        const same = challenger !== undefined && challenger.replicaId === target?.replicaId;
        const neededMs = same ? 2 * tickMs * 0.9 : ttlMs - 0.1 * tickMs;
        const stoodMs = seen && known ? (known.lastMs - seen.sinceMs) * rate : 0;
        // What a process that stood still had in its hands is judged by the store, which compares the beats again.
        if (challenger?.pausedIn(entry.t - 2 * ttlMs, entry.t + 1)) continue;
        if (!seen || seen.times < 3 || stoodMs < neededMs - 1) {
          bench.broken(
            entry.t,
            `${entry.actor} ended the lease of ${target?.name} after ${seen?.times ?? 0} sightings in ${stoodMs} ms`,
          );
        }
      }
      if (entry.what === 'commit' && entry.method === 'fence' && entry.result === true) {
        const { incarnation } = entry.params as { incarnation: string };
        const target = lifeOf(lives, incarnation);
        const renewedMs = Math.max(...(renewals.get(incarnation)?.values() ?? []));
        const trustedMs = renewedMs + (ttlMs * 0.9) / (target?.clockRate ?? 1);
        if (target && lives.get(entry.actor)?.replicaId !== target.replicaId && entry.t < trustedMs)
          bench.broken(entry.t, `${target.name} lost its lease ${trustedMs - entry.t} ms before it was over`);
        const current = target?.incarnations.at(-1)?.id === incarnation;
        const sinceMs = entry.t - (tickMs + storeLimitMs + 3_000);
        if (
          target &&
          current &&
          target.runningMs < sinceMs &&
          target.couldRenew(sinceMs, entry.t) &&
          target.stoppingMs > entry.t
        ) {
          bench.broken(entry.t, `${target.name} lost its sessions although it could renew since ${sinceMs}`);
        }
      }
    }
  },
};

type Guard = Pick<GuardedWrite, 'id' | 'version'>;

/** A beat that says nothing vouches for every row of its replica. */
export const S19: Invariant = {
  name: 'S19',
  promise: 'where a row could not be written for a third of the lease, the heartbeat says so and no reader believes it',
  check(history, bench) {
    const { ttlMs } = settingsOf(history);
    const lives = livesOf(history);
    const { rows, follow } = createRowFollower();
    /** By replica: the first write that was asked for since the last one that was committed. */
    const owed = new Map<string, { readonly ms: number; readonly owner: string; readonly writes: readonly Guard[] }>();
    for (const entry of history) {
      if (entry.what === 'rollback') owed.clear();
      if (entry.what === 'call' && entry.method === 'write' && !owed.has(entry.actor)) {
        const { owner, writes = [] } = entry.params as { owner: string; writes?: readonly Guard[] };
        owed.set(entry.actor, { ms: entry.t, owner, writes });
      }
      if (entry.what === 'commit' && entry.method === 'write') owed.delete(entry.actor);
      if (entry.what === 'call' && entry.method === 'beat') {
        const { incarnation, stuck } = entry.params as { incarnation: string; stuck?: boolean };
        const since = owed.get(entry.actor);
        // Once the row has another version the write can no longer come, and may not be needed.
        const comes = ({ id, version }: Guard) =>
          rows.get(id)?.owner === incarnation && rows.get(id)?.version === version;
        const still = since?.owner === incarnation && since.writes.some(comes);
        if (!since || !still || entry.t - since.ms < ttlMs / 3 + 1_000) continue;
        // Its clock stood still with it.
        if (lives.get(entry.actor)?.pausedIn(since.ms, entry.t)) continue;
        bench.tested();
        if (!stuck) bench.broken(entry.t, `${entry.actor} vouched for rows that it could not write since ${since.ms}`);
      }
      follow(entry);
    }
  },
};

export const S11: Invariant = {
  name: 'S11',
  promise: 'an hour of host clock skew changes nothing',
  check(history, bench) {
    const { ttlMs } = settingsOf(history);
    const lives = livesOf(history);
    for (const step of history) {
      if (step.what !== 'clock-step') continue;
      const life = lives.get(step.actor);
      const untilMs = step.t + ttlMs;
      if (!life || life.runningMs > step.t || !life.clear(step.t, untilMs) || life.stoppingMs < untilMs) continue;
      bench.tested();
      const lost = history.find(
        (entry) =>
          entry.what === 'event' &&
          entry.actor === step.actor &&
          entry.name === 'lease:lost' &&
          entry.t > step.t &&
          entry.t < untilMs,
      );
      if (lost) bench.broken(lost.t, `${step.actor} lost its lease after its host clock moved by ${step.byMs} ms`);
      const beats = history.filter(
        (entry) =>
          entry.what === 'call' &&
          entry.actor === step.actor &&
          entry.method === 'beat' &&
          entry.t > step.t &&
          entry.t < untilMs,
      );
      if (beats.length < 2)
        bench.broken(step.t, `${step.actor} no longer renewed after its host clock moved by ${step.byMs} ms`);
    }
  },
};
