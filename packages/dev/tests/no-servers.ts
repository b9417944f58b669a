import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Loaded before each file of the project `unit`: such a test starts no process, so that the project runs anywhere in
 * seconds. A test that needs one is named `*.servers.test.ts` or `*.realtime.test.ts`.
 */
for (const name of ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork'] as const) {
  childProcess[name] = (() => {
    throw new Error(`A unit test called child_process.${name}: name its file *.realtime.test.ts or *.servers.test.ts`);
  }) as never;
}
syncBuiltinESMExports();
