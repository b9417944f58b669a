/**
 * Which of the sessions that stand free this replica claims, so that replicas do not compete for the same ones.
 *
 * Each session has one place among the replicas whose lease stands, by rendezvous hashing: who computes it from the
 * same leases comes to the same, and nobody has to ask anybody. A replica may be unable to open what falls to it: it
 * has no provider, only observes, or is stuck. So one that let its part stand free for a tick is left out for a while,
 * and its part falls to the others. Each time that follows is twice as long. Whoever is left out by mistake goes on
 * with its own part: a claim in vain that comes of it ends that.
 *
 * Owns: which replicas are left out, and what stood free when that was judged last.
 */

import { sessionIdHash } from '../../domain/session.js';
import type { Clock } from '../../ports/clock.js';

/** Timers fire a little early. */
const NEARLY = 0.9;
/** A replica takes the first ones of its part first: by these it is judged. */
const JUDGED_BY = 10;
/** Some of them may be refused to it; and some that it lets stand are taken by others, which are ahead in judging it. */
const MAY_STAND = 1 / 5;
const LEFT_OUT_MS = 60_000;
const LONGEST_LEFT_OUT_MS = 3_600_000;

export type ShareClaimable = ReturnType<typeof createShareClaimable>;

export function createShareClaimable({ clock, tickMs }: { clock: Pick<Clock, 'monotonicMs'>; tickMs: number }) {
  const leftOut = new Map<string, { readonly forMs: number; readonly untilMs: number }>();
  /** The first sessions that stood free, by the replica that they fell to, and when. */
  let seen: { readonly atMs: number; readonly parts: ReadonlyMap<string, readonly string[]> } | null = null;

  function isLeftOut(holder: string): boolean {
    return clock.monotonicMs() < (leftOut.get(holder)?.untilMs ?? 0);
  }

  function judge(ids: readonly string[], living: readonly string[], self: string): void {
    const nowMs = clock.monotonicMs();
    const sinceMs = nowMs - (seen?.atMs ?? Number.NEGATIVE_INFINITY);
    if (sinceMs < tickMs * NEARLY) return;
    const free = new Set(ids);
    // What stands free after a long time may have been taken and freed again.
    for (const [holder, part] of (sinceMs < tickMs * 3 && seen?.parts) || []) {
      const standing = part.filter((id) => free.has(id)).length;
      if (standing > part.length * MAY_STAND) leaveOut(holder, nowMs);
      else leftOut.delete(holder);
    }
    for (const holder of leftOut.keys()) if (!living.includes(holder)) leftOut.delete(holder);
    const parts = new Map<string, string[]>();
    const holderOf = holdersAmong(living);
    for (const id of ids) {
      const holder = holderOf(id);
      const part = parts.get(holder);
      if (part !== undefined) {
        if (part.length < JUDGED_BY) part.push(id);
      }
      // The part of one that is left out is taken by the others.
      else if (holder !== self && !isLeftOut(holder)) parts.set(holder, [id]);
    }
    seen = { atMs: nowMs, parts };
  }

  function leaveOut(holder: string, nowMs: number): void {
    const forMs = Math.min((leftOut.get(holder)?.forMs ?? LEFT_OUT_MS / 2) * 2, LONGEST_LEFT_OUT_MS);
    leftOut.set(holder, { forMs, untilMs: nowMs + forMs });
  }

  return {
    /** Returns those of a page of free sessions that are for this replica; `first`: nothing free comes before it. */
    ownPart(params: { ids: readonly string[]; living: readonly string[]; self: string; first: boolean }): string[] {
      const { ids, self, first } = params;
      const living = params.living.includes(self) ? params.living : [...params.living, self];
      if (first) judge(ids, living, self);
      const holderOf = holdersAmong(living.filter((one) => one === self || !isLeftOut(one)));
      return ids.filter((id) => holderOf(id) === self);
    },
    /** Another replica took these before us, so it is at work after all. */
    inVain(ids: readonly string[], living: readonly string[]): void {
      if (leftOut.size === 0 || ids.length === 0) return;
      const holderOf = holdersAmong(living);
      for (const id of ids) leftOut.delete(holderOf(id));
    },
  };
}

/** Returns what names the holder of a session: who comes or goes moves its own part and no other. */
function holdersAmong(incarnations: readonly string[]): (id: string) => string {
  const hashed = incarnations.map((incarnation) => [incarnation, sessionIdHash(incarnation)] as const);
  return (id) => {
    const idHash = sessionIdHash(id);
    let holder = '';
    let highest = -1;
    for (const [incarnation, hash] of hashed) {
      const weight = mix(idHash ^ mix(hash));
      if (weight < highest || (weight === highest && incarnation < holder)) continue;
      highest = weight;
      holder = incarnation;
    }
    return holder;
  };
}

/** Spreads 32 bits over 32 bits, so that numbers that differ little come out far apart (MurmurHash3's last step). */
function mix(bits: number): number {
  let mixed = bits;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
