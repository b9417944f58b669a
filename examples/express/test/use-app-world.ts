import type { Program } from '@wa-sync/dev/example';
import { type FakeWhatsApp, startFakeWhatsApp } from '@wa-sync/fake-whatsapp';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { TestDatabase } from '../../../packages/postgres/test/start-postgres.js';
import { useDatabase } from '../../../packages/postgres/test/use-database.js';
import type { Settings } from '../app/src/settings.js';
import { waitForHostRow } from './host-row.js';
import { type StartedProcess, startProcess } from './start-process.js';

export const TOKEN = 'a-token-for-the-example-app';
export const headers = { authorization: `Bearer ${TOKEN}` };
export const short = {
  probe: { silenceMs: 1_000, timeoutMs: 500 },
  lease: { ttlMs: 3_000, tickMs: 300 },
  jobs: { sync: false },
} as const;
const baileys = { loginJitterMs: 0, backoff: { baseMs: 50, maxMs: 200 } };
/** `WA_SYNC_OPTIONS` of an app in a process of its own. */
export const SHORT_OPTIONS = JSON.stringify({ waSync: short, baileys });

/**
 * What an example app runs against: a database for each test, and a WhatsApp for all. What `ends` and `run` were given
 * is over after each test.
 */
export interface AppWorld {
  readonly database: TestDatabase;
  readonly whatsapp: FakeWhatsApp;
  /** Of an app in this process: one session `sales`, on this database and this WhatsApp, with short waits. */
  settings(more?: Partial<Settings>): Settings;
  ends<App extends { stop(): Promise<unknown> }>(app: App): App;
  run(program: Program, env?: Record<string, string>): StartedProcess;
  /** The phone scans what the host's own row shows, as a user of the host would. */
  pair(id: string, phone: string): ReturnType<FakeWhatsApp['pair']>;
}

export function useAppWorld(): AppWorld {
  const postgres = useDatabase();
  let whatsapp: FakeWhatsApp;
  const running: { stop(): Promise<unknown> }[] = [];
  const processes: StartedProcess[] = [];

  beforeAll(async () => {
    whatsapp = await startFakeWhatsApp({ preKeys: 'plenty' });
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((app) => app.stop()));
    for (const { child, closed } of processes.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await closed;
    }
  });
  afterAll(() => whatsapp?.close());

  return {
    get database() {
      return postgres.database;
    },
    get whatsapp() {
      return whatsapp;
    },
    settings: (more) => ({
      databaseUrl: postgres.database.url,
      port: 0,
      host: '127.0.0.1',
      tokens: [TOKEN],
      sessions: ['sales'],
      waSync: short,
      baileys: { ...baileys, socketConfig: { waWebSocketUrl: whatsapp.url } },
      ...more,
    }),
    ends(app) {
      running.push(app);
      return app;
    },
    run(program, env) {
      const started = startProcess(program, env);
      processes.push(started);
      return started;
    },
    async pair(id, phone) {
      const shows = await waitForHostRow(
        postgres.database.pool,
        id,
        (row) => row.status === 'QR_CODE' && row.qrCode !== null,
      );
      return whatsapp.pair(shows.qrCode ?? '', { phone });
    },
  };
}
