/**
 * Has the store notify this replica when something came for it, where the store can. Without it requests are read with
 * each tick.
 *
 * Owns: the listener, which belongs to one incarnation: a fenced replica listens anew under its next one.
 */
import type { Config } from '../../options/config.js';
import type { Lease } from '../lease/lease.js';

export type InboxNotifications = ReturnType<typeof createInboxNotifications>;

export function createInboxNotifications(deps: {
  config: Pick<Config, 'store' | 'logger' | 'observeOnly'>;
  lease: Lease;
  onNotification(): void;
}) {
  const { lease, onNotification } = deps;
  const { logger, observeOnly } = deps.config;
  // Calls the store without a time limit: a listener that was granted late must still be one that can be stopped.
  const { inbox } = deps.config.store;
  let current: { readonly incarnation: string; stop: (() => void) | null } | null = null;
  let failing = false;

  function end(): void {
    current?.stop?.();
    current = null;
  }

  async function listen(incarnation: string): Promise<void> {
    const own: { readonly incarnation: string; stop: (() => void) | null } = { incarnation, stop: null };
    current = own;
    try {
      const stop = await inbox?.listen?.({ incarnation, notify: () => void (current === own && onNotification()) });
      if (current === own) own.stop = stop ?? null;
      else stop?.();
      failing = false;
    } catch (error) {
      if (current === own) current = null;
      if (!failing)
        logger.warn(
          { code: 'inbox_failed', err: error },
          'The store cannot notify this replica: it reads its inbox with each tick',
        );
      failing = true;
    }
  }

  return {
    /** With every tick: listens where it does not yet, or no longer for this incarnation. */
    kick(): void {
      const incarnation = lease.incarnation();
      if (!inbox?.listen || observeOnly || !lease.trusted() || current?.incarnation === incarnation) return;
      end();
      void listen(incarnation);
    },
    stop: end,
  };
}
