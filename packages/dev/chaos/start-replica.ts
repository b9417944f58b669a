import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
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

const REPLICA = fileURLToPath(new URL('replica.ts', import.meta.url));
/** Sources are run as they are. */
const SOURCE_FLAGS = ['--conditions=@wa-sync/source', '--import', 'tsx'];

/** Starts one; `hear` gets what it reports. */
export function startReplica(settings: ReplicaSettings, hear: (message: ReplicaMessage) => void): ReplicaProcess {
  const child = fork(REPLICA, [], {
    execArgv: SOURCE_FLAGS,
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
