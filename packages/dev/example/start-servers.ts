import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type FakeAddress, fromSource } from './example-app.js';

/** What the process of the servers says once they are up, or why they are not. */
export type ServersReport = Addresses | { readonly failure: string };

interface Addresses {
  readonly databaseUrl: string;
  readonly fake: FakeAddress;
}

/** A Postgres and a fake WhatsApp on loopback. They end with this process, however it ends. */
export interface Servers extends Addresses {
  stop(): Promise<void>;
}

/** Starts both, and phones that scan every QR code of the app's table. @throws Error where one does not start */
export async function startServers(): Promise<Servers> {
  const { args, cwd, env } = fromSource(join(import.meta.dirname, 'servers-process.ts'));
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const exited = once(child, 'exit');
  const report = await firstReport(child, exited);
  if ('failure' in report) throw new Error(report.failure);
  return {
    ...report,
    async stop() {
      // The same as when this process is killed.
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

async function firstReport(child: ChildProcess, exited: Promise<unknown[]>): Promise<ServersReport> {
  const early = exited.then(([code]) => {
    throw new Error(`The Postgres and the WhatsApp for trying out ended with ${code} before they were up`);
  });
  early.catch(() => {});
  const [report] = await Promise.race([once(child, 'message'), early]);
  return report as ServersReport;
}
