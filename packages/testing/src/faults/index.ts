export { type DrawFaultsOptions, drawFaults } from './draw-faults.js';
export type { BlackHole, Cut, Delay, Direction, FaultPlan, LinkFault, Reset } from './fault.js';
export { followHistory } from './follow-history.js';
export { heapMb } from './heap-mb.js';
export {
  type CallFindings,
  playRandomCalls,
  type RandomCaller,
  type RawRow,
  type RawView,
  type WholeStore,
} from './play-random-calls.js';
export { type FaultCounts, type FaultProxy, type FaultTarget, startFaultProxy } from './start-fault-proxy.js';
