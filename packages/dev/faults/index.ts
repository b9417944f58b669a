export { type DrawFaultsOptions, drawFaults } from './draw-faults.js';
export type { BlackHole, Cut, Delay, Direction, FaultPlan, LinkFault, Reset } from './fault.js';
export { type OverCutsOutcome, type PlayOverCuts, playOverCuts } from './play-over-cuts.js';
export type { RawRow, RawView, WholeStore } from './play-random-calls.js';
export { type FaultCounts, type FaultProxy, type FaultTarget, startFaultProxy } from './start-fault-proxy.js';
