export { type DrawFaultsOptions, drawFaults } from './draw-faults.js';
export type { BlackHole, Cut, Delay, Direction, FaultPlan, LinkFault, Reset } from './fault.js';
export { type FaultCounts, type FaultProxy, type FaultTarget, startFaultProxy } from './start-fault-proxy.js';
