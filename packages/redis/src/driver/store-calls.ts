import { WaSyncError } from '@wa-sync/core';
import type { Script, ScriptAnswer, ScriptCall, ScriptRunner } from './run-script.js';

/** Calls of scripts once the server was looked at. */
export interface StoreCalls {
  run(script: Script, call: ScriptCall): Promise<unknown>;
  /** The same, for a body that returns a list. */
  list(script: Script, call: ScriptCall): Promise<unknown[]>;
  /** The same, with the server's time at which the script ran. */
  timed(script: Script, call: ScriptCall): Promise<ScriptAnswer>;
}

/** Calls that wait for `ready`, which looks at the server before the first of them. */
export function storeCalls(params: { runner: ScriptRunner; ready: () => Promise<void> }): StoreCalls {
  const { runner, ready } = params;

  async function timed(script: Script, call: ScriptCall): Promise<ScriptAnswer> {
    await ready();
    return runner.run(script, call);
  }

  return {
    timed,
    run: async (script, call) => (await timed(script, call)).answer,
    async list(script, call) {
      const { answer } = await timed(script, call);
      if (!Array.isArray(answer)) throw new WaSyncError('store_failed', 'Redis answered no list where one was due');
      return answer;
    },
  };
}
