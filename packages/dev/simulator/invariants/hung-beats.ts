import { type Invariant, settingsOf } from './invariant.js';
import { createBeatTracker, createOwnLeases } from './own-leases.js';
import { livesOf } from './processes.js';

/** A beat that is given up leaves time for the next one. */
export const S20: Invariant = {
  name: 'S20',
  promise: 'one beat that hangs, for however long, takes no lease',
  check(history, bench) {
    const settings = settingsOf(history);
    const { ttlMs, tickMs, storeLimitMs } = settings;
    const lives = livesOf(history);
    const own = createOwnLeases(settings, lives);
    const beats = createBeatTracker();
    /** By replica, when its beat hung, where nothing else can take the lease until the next ones must have come. */
    const hungAt = new Map<string, number>();
    for (const entry of history) {
      const { actor, t } = entry;
      beats.follow(entry);
      if (entry.what === 'rollback')
        for (const name of hungAt.keys()) if (beats.wasTakenBack(name)) hungAt.delete(name);
      if (entry.what === 'fault' && entry.kind === 'beat_hangs' && actor !== 'world') {
        const life = lives.get(actor);
        const [fromMs, toMs] = [t - (tickMs + storeLimitMs + 3_000), t + ttlMs];
        if (
          life &&
          !beats.wasTakenBack(actor) &&
          life.runningMs < fromMs &&
          life.stoppingMs > toMs &&
          life.couldRenew(fromMs, toMs)
        ) {
          bench.tested();
          hungAt.set(actor, t);
        }
      }
      const hungMs = hungAt.get(actor);
      if (hungMs !== undefined && t < hungMs + ttlMs) {
        const lost = entry.what === 'event' && entry.name === 'lease:lost';
        const renews = entry.what === 'answer' && entry.method === 'beat' && entry.ok;
        if (lost || (renews && own.isOver(actor, t)))
          bench.broken(t, `${actor} was without its lease after its beat of ${hungMs} hung`);
      }
      own.follow(entry);
    }
  },
};
