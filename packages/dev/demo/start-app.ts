import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { exampleApp, type FakeAddress } from '@wa-sync/dev/example';

/** The Express app of `examples/express`, as a process of its own. */
export interface DemoApp {
  readonly url: string;
  readonly pid: number;
  /** kill -9: it can write nothing any more. */
  kill(): Promise<void>;
  /** SIGTERM, as a deployment does. */
  stop(): Promise<void>;
}

/** Starts the app and waits until it listens. */
export async function startApp(
  fake: FakeAddress,
  env: Readonly<Record<string, string>>,
  onLog: (line: string) => void,
): Promise<DemoApp> {
  const program = exampleApp('express', fake);
  const child = spawn(process.execPath, program.args, {
    cwd: program.cwd,
    env: { ...process.env, ...program.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  const url = new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line);
        if (said.length > 50) said.shift();
        onLog(line);
        const listening = /^listening on (http:\S+)$/.exec(line);
        if (listening?.[1]) resolve(listening[1]);
      });
    }
    child.once('exit', (code) =>
      reject(new Error(`The app ended with ${code} before it listened:\n${said.join('\n')}`)),
    );
    child.once('error', reject);
  });
  try {
    return {
      url: await url,
      pid: child.pid ?? 0,
      kill: () => end(child, 'SIGKILL'),
      stop: () => end(child, 'SIGTERM'),
    };
  } catch (error) {
    await end(child, 'SIGKILL');
    throw error;
  }
}

async function end(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}
