import { setTimeout as pause } from 'node:timers/promises';
import type { RawRow } from './audit.js';
import type { ChaosWorld } from './chaos-world.js';
import type { ReplicaSlot } from './replica-slots.js';

const GIVE_UP_AFTER_MS = 120_000;
const ASK_EVERY_MS = 3_000;

/**
 * A person links a number again that was logged out: asks a process of the app for a code, reads it from the row as a
 * page would, scans it. Whatever breaks meanwhile, the person tries again.
 */
export async function linkAgain(world: ChaosWorld, slots: readonly ReplicaSlot[], phone: string): Promise<void> {
  const id = world.sessionOf(phone);
  const untilMs = performance.now() + GIVE_UP_AFTER_MS;
  let askedMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    // The database may be away.
    const row = await world.row(id).catch(() => null);
    if (row?.status === 'CONNECTED' && world.whatsapp.session(phone).connected) return;
    if (performance.now() > untilMs) throw new Error(`${id} reads ${describe(row)}, and nobody could link it again`);
    if (row?.qr) {
      // A code that is over meanwhile is refused, as on a phone.
      await world.whatsapp.pair(row.qr, { phone, timeoutMs: 3_000 }).catch(() => {});
    } else if (row && performance.now() - askedMs > ASK_EVERY_MS && row.status !== 'CONNECTED') {
      askedMs = performance.now();
      for (const slot of slots) slot.process?.order({ kind: 'pair', sessionId: id });
    }
    await pause(200);
  }
}

function describe(row: RawRow | null): string {
  return row ? `${row.status} (${row.reason_code})` : 'nothing';
}
