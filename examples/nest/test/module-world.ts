import type { LoggerService } from '@nestjs/common';
import { createMemoryStore, systemClock, type WaSyncStore } from '@wa-sync/core';
import { createScriptedConnection, type ScriptedConnection } from '@wa-sync/testing';
import { type WaSyncModuleRootOptions, WaSyncService } from '../src/index.js';
import type { StartedNest } from './start-nest.js';

const TOKEN = 'a-token-for-the-nest-module';
export const authorized = { authorization: `Bearer ${TOKEN}` };

/** Options of the module over a memory store of its own. */
export function moduleOptions(store: WaSyncStore = createMemoryStore()) {
  return {
    store,
    currentSession: 'sales',
    jobs: { sync: false, cleanup: false, inactivity: false },
    probe: { timeoutMs: 100, silenceMs: 60_000 },
    http: { auth: { tokens: [TOKEN] } },
  } satisfies WaSyncModuleRootOptions;
}

/** A row with an attached, open connection. */
export async function addSession({ app }: StartedNest, id = 'sales'): Promise<ScriptedConnection> {
  const wa = app.get(WaSyncService);
  await wa.sessions.create({ id });
  const connection = createScriptedConnection({ sessionId: id, clock: systemClock, hostOwned: true });
  await wa.attach(connection).ready;
  await wa.syncNow(id);
  return connection;
}

/** A logger of Nest that keeps what was said: `warn [wa-sync] …`. */
export function recordingLogger() {
  const lines: string[] = [];
  const at =
    (level: string) =>
    (line: unknown, ...params: unknown[]) =>
      void lines.push(`${level} [${params.at(-1)}] ${line}`);
  const logger: LoggerService = { log: at('log'), warn: at('warn'), error: at('error'), debug: at('debug') };
  return { lines, logger };
}
