import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { WaSyncOptions } from '@wa-sync/core';
import { bundleProgram } from '@wa-sync/dev/fixtures/bundle-program';
import type { Trust } from '@wa-sync/fake-whatsapp';
import type { BaileysProviderOptions } from '../../src/index.js';

/** What a replica's process is given. */
export interface ReplicaSettings {
  readonly replicaId: string;
  readonly url: string;
  readonly trust: Trust;
  readonly database: { readonly host: string; readonly port: number; readonly [key: string]: unknown };
  /** Sessions that it starts. */
  readonly sessions: readonly string[];
  readonly wa?: Partial<WaSyncOptions>;
  readonly provider?: Partial<BaileysProviderOptions>;
  /** Credentials are in files below it, and not in the database. */
  readonly folder?: string;
  /** Writes the credentials of this session until it is killed, and nothing else. */
  readonly writesCreds?: string;
}

/** What a replica said. */
export interface Said {
  readonly event: string;
  readonly sessionId?: string;
  readonly counter?: number;
  readonly text?: string;
}

/** A replica's process. */
export interface Replica {
  readonly said: readonly Said[];
  /** Resolves with the first line that fits, said before or later. */
  says(fits: (said: Said) => boolean): Promise<Said>;
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  end(name: 'SIGKILL' | 'SIGTERM'): Promise<void>;
}

/** Starts one; resolves once it has started. */
export async function startReplica(settings: ReplicaSettings): Promise<Replica> {
  const program = await bundleProgram({
    entry: fileURLToPath(new URL('./replica.ts', import.meta.url)),
    folder: fileURLToPath(new URL('../../.wa-sync', import.meta.url)),
  });
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, REPLICA_SETTINGS: JSON.stringify(settings) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: Said[] = [];
  const waiting = new Set<() => void>();
  const wrong: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return;
    said.push(JSON.parse(line) as Said);
    for (const look of [...waiting]) look();
  });
  createInterface({ input: child.stderr }).on('line', (line) => wrong.push(line));
  const exited = once(child, 'exit');

  const says = (fits: (one: Said) => boolean): Promise<Said> =>
    new Promise((resolve, reject) => {
      const look = () => {
        const found = said.find(fits);
        if (!found) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      void exited.then(() =>
        reject(
          new Error(
            `${settings.replicaId} ended (${child.exitCode ?? child.signalCode}): ${[...wrong, ...said.slice(-5).map((one) => JSON.stringify(one))].join('\n')}`,
          ),
        ),
      );
      look();
    });

  const replica: Replica = {
    said,
    says,
    signal: (name) => void child.kill(name),
    end: (name) => end(child, exited, name),
  };
  try {
    await says(({ event }) => event === 'started');
    return replica;
  } catch (error) {
    await replica.end('SIGKILL');
    throw error;
  }
}

async function end(child: ChildProcess, exited: Promise<unknown>, name: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(name);
  await exited;
}
