import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from '../fixtures/bundle-program.js';
import { REPLICA_SETTINGS, type ReplicaMessage, type ReplicaOrder, type ReplicaSettings } from './replica-settings.js';

/** A running process of the app, as its judge holds it. */
export interface ReplicaProcess {
  readonly name: string;
  readonly replicaId: string;
  readonly pid: number;
  /** Resolves once it has started; rejects where it ended before. */
  readonly running: Promise<void>;
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  /** Stops the process in its tracks, as a frozen machine would; `thaw` lets it go on. */
  freeze(): void;
  thaw(): void;
  /** Kill -9. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
  order(order: ReplicaOrder): void;
}

/** The path of the program that each process runs. */
export function bundleReplica(): Promise<string> {
  return bundleProgram({
    entry: fileURLToPath(new URL('replica.ts', import.meta.url)),
    folder: fileURLToPath(new URL('../.wa-sync', import.meta.url)),
  });
}

/** Starts one; `hear` gets what it reports. */
export function startReplica(
  program: string,
  settings: ReplicaSettings,
  hear: (message: ReplicaMessage) => void,
): ReplicaProcess {
  const child = fork(program, [], {
    execArgv: [],
    env: { ...process.env, [REPLICA_SETTINGS]: JSON.stringify(settings) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(() => {});
  const running = new Promise<void>((resolve, reject) => {
    child.on('message', (message: ReplicaMessage) => {
      if (message.kind === 'running') resolve();
      hear(message);
    });
    child.once('error', reject);
    void ended.then(() => reject(new Error(`${settings.name} ended before it had started`)));
  });
  // Whoever does not wait for the start has killed it.
  running.catch(() => {});

  function send(signal: NodeJS.Signals): void {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  }

  return {
    name: settings.name,
    replicaId: settings.replicaId,
    pid: pidOf(child),
    running,
    ended,
    freeze: () => send('SIGSTOP'),
    thaw: () => send('SIGCONT'),
    async kill() {
      send('SIGKILL');
      await ended;
    },
    async stop() {
      send('SIGTERM');
      await ended;
    },
    order: (order) => void child.send(order),
  };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('The process was not started');
  return child.pid;
}
