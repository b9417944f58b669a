export { createManualClock, type ManualClock } from './manual-clock.js';
export {
  type ConnectionScript,
  createScriptedConnection,
  type HealScript,
  type LinkState,
  type ProbeScript,
  type ScriptedConnection,
  type ScriptedConnectionOptions,
  type ScriptedState,
  type SendScript,
  type SentText,
} from './scripted-connection.js';
export { createScriptedProvider, type OpenedConnection, type ScriptedProvider } from './scripted-provider.js';
export { createSeededRandom } from './seeded-random.js';
