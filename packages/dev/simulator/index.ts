export { FAULT_KINDS, type FaultKind } from './draw-settings.js';
export type {
  EntryOf,
  HistoryEntry,
  HistoryFact,
  RowChange,
  SeenAtWrite,
  StoreMethod,
  TrueSession,
  WorldSettings,
} from './history.js';
export { createRecorder } from './history.js';
export { INVARIANTS, type Invariant, type Judgement, judgeHistory, type Violation } from './invariants/index.js';
export { runInactiveWorld } from './run-inactive-world.js';
export { hashHistory, printHistory, runSeed, type SeedResult } from './run-seed.js';
