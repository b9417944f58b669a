import type { Clock, WaSync } from '@wa-sync/core';

/** The same line is written again after this. */
const EVERY_MS = 60_000;
/** Different lines remembered at once. */
const REMEMBERED = 100;

/** Writes a line that anybody may cause by asking: once a minute, and then with the number of those left out. */
export type SparseLog = (
  level: 'warn' | 'error',
  line: string,
  fields: () => Readonly<Record<string, unknown>>,
) => void;

export function createSparseLog({ wa, clock }: { wa: Pick<WaSync, 'logger'>; clock: Clock }): SparseLog {
  const written = new Map<string, { readonly atMs: number; leftOut: number }>();

  return (level, line, fields) => {
    const nowMs = clock.monotonicMs();
    const last = written.get(line);
    if (last && nowMs - last.atMs < EVERY_MS) {
      last.leftOut += 1;
      return;
    }
    written.delete(line);
    written.set(line, { atMs: nowMs, leftOut: 0 });
    if (written.size > REMEMBERED) written.delete(written.keys().next().value!);
    const leftOut = last?.leftOut ?? 0;
    wa.logger[level]({ ...fields(), leftOut }, leftOut === 0 ? line : `${line} (and ${leftOut} times more before)`);
  };
}
