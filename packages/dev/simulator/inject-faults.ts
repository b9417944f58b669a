/** Faults: each is begun at an instant drawn from the seed, on a victim drawn from the seed, and ends by itself. */
import type { Draw } from './draw.js';
import type { FaultKind } from './draw-settings.js';
import { createFaultContext } from './fault-context.js';
import { processFaults } from './process-faults.js';
import { sessionFaults } from './session-faults.js';
import type { World } from './world.js';

export interface FaultInjector {
  inject(kind: FaultKind): void;
  /** Ends whatever is still wrong. */
  endAll(): void;
}

export function createFaultInjector(world: World, draw: Draw): FaultInjector {
  const context = createFaultContext(world, draw);
  const effects = { ...processFaults(context), ...sessionFaults(context) };
  return { inject: (kind) => effects[kind]?.(), endAll: context.endAll };
}
