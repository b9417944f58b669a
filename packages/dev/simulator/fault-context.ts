/** What every fault needs: a victim, a note of what it met, and an end. */
import type { Draw } from './draw.js';
import type { FaultKind } from './draw-settings.js';
import type { Line } from './line.js';
import type { Replica } from './replica.js';
import type { World } from './world.js';

/** What a kind of fault does when it strikes. */
export type FaultEffects = Readonly<Partial<Record<FaultKind, () => void>>>;

export type FaultContext = ReturnType<typeof createFaultContext>;

export function createFaultContext(world: World, draw: Draw) {
  const { timeline, recorder, server, plan } = world;
  const running = new Set<() => void>();

  /** Runs `end` after a while, or when all faults end, once. */
  function until(ms: number, end: () => void): void {
    const once = (): void => {
      if (!running.delete(once)) return;
      cancel();
      end();
    };
    const cancel = timeline.after(ms, once);
    running.add(once);
  }

  function note(kind: FaultKind, target: string, met: string, detail?: string): void {
    world.hit(kind, met);
    recorder.note({ actor: 'world', what: 'fault', kind, target, met, ...(detail === undefined ? {} : { detail }) });
  }

  function statusOf(session: string): string {
    const row = server.rows().find(({ id }) => id === session);
    return row ? row.status : 'no_row';
  }

  function someReplica(): Replica | null {
    const replicas = world.replicas();
    return replicas.length > 0 ? draw.pick(replicas) : null;
  }

  function someLine(): Line | null {
    const lines = world.replicas().flatMap((replica) => [...replica.lines.values()].filter((line) => !line.stopped));
    return lines.length > 0 ? draw.pick(lines) : null;
  }

  function someSession(): string {
    return draw.pick([...plan.attached, ...plan.provided]);
  }

  return {
    world,
    draw,
    until,
    note,
    statusOf,
    someReplica,
    someLine,
    someSession,
    /** Ends whatever is still wrong. */
    endAll(): void {
      for (const end of [...running]) end();
    },
  };
}
