import type { WaSync } from '@wa-sync/core';

/**
 * What was held when a sync began. Whoever asks during a sync gets the one under way, which knows nothing of what came
 * after its beginning.
 */
export function followSharedSyncs<Held>(wa: Pick<WaSync, 'on'>, heldNow: () => Held) {
  const atBegin = new Map<'forced' | 'plain', Held>();
  wa.on('job:started', ({ job }) => {
    if (job === 'sync' && !atBegin.has('plain')) atBegin.set('plain', heldNow());
  });
  for (const ended of ['job:finished', 'job:failed'] as const) {
    wa.on(ended, ({ job }) => {
      if (job === 'sync') atBegin.delete('plain');
    });
  }
  return {
    /** Joins the sync under way, or is its beginning; `end` has to be called with its end. */
    join(kind: 'forced' | 'plain'): { readonly held: Held; end(): void } {
      const held = atBegin.get(kind) ?? heldNow();
      atBegin.set(kind, held);
      return {
        held,
        end() {
          if (atBegin.get(kind) === held) atBegin.delete(kind);
        },
      };
    },
  };
}
