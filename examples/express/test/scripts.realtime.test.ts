import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { WaSync } from '@wa-sync/core';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Listening, listen } from '../../../packages/http/test/listen.js';
import { startWorld, TOKEN, type World } from '../../../packages/http/test/start-world.js';
import { createWaSyncRouter } from '../src/index.js';

const script = fileURLToPath(new URL('../scripts.sh', import.meta.url));

describe('scripts.sh', () => {
  let world: World;
  let server: Listening;

  beforeAll(async () => {
    world = await startWorld();
    const options = { auth: { tokens: [TOKEN] } };
    server = await listen(express().use('/whatsapp', createWaSyncRouter(world.wa, options)));
  });
  afterAll(async () => {
    await server?.close();
    await world?.stop();
  });

  const run = (args: string[], env: Record<string, string> = {}) =>
    promisify(execFile)('bash', [script, ...args], {
      env: { PATH: process.env.PATH ?? '', WA_SYNC_URL: `${server.origin}/whatsapp`, WA_SYNC_TOKEN: TOKEN, ...env },
    });

  it('whatsapp-status shows whether the current session is connected', async () => {
    expect(JSON.parse((await run(['whatsapp-status'])).stdout)).toMatchObject({ connected: true });
  });

  it('whatsapp-sync puts all rows right, or one', async () => {
    const { id } = await world.addSession();
    const all = JSON.parse((await run(['whatsapp-sync'])).stdout);
    expect(all.report.totals.checked).toBeGreaterThanOrEqual(2);
    const one = JSON.parse((await run(['whatsapp-sync'], { WA_SYNC_SESSION: id })).stdout);
    expect(one.report.totals).toMatchObject({ checked: 1, inSync: 1 });
  });

  it('whatsapp-cleanup deactivates unused sessions, and can only say so', async () => {
    const asked: unknown[] = [];
    const clean: WaSync['cleanupSessions'] = (options) => {
      asked.push(options);
      return world.wa.cleanupSessions(options);
    };
    const app = express().use(express.json());
    const options = { auth: { tokens: [TOKEN] } };
    app.use('/whatsapp', createWaSyncRouter({ ...world.wa, cleanupSessions: clean }, options));
    const own = await listen(app);
    try {
      const env = { WA_SYNC_URL: `${own.origin}/whatsapp` };
      const done = JSON.parse((await run(['whatsapp-cleanup'], env)).stdout);
      expect(done.report).toMatchObject({ dryRun: false, totals: { deactivated: 0 } });
      const dry = JSON.parse((await run(['whatsapp-cleanup', '--dry-run'], env)).stdout);
      expect(dry.report).toMatchObject({ dryRun: true });
      expect(asked.map((one) => (one as { dryRun: boolean }).dryRun)).toEqual([false, true]);
    } finally {
      await own.close();
    }
  });

  it.each([
    [['whatsapp-cleanup', '--dryrun'], {}, /Usage/],
    [['whatsapp-status'], { WA_SYNC_TOKEN: 'not-the-right-token' }, /unauthorized/],
    [['whatsapp-status'], { WA_SYNC_TOKEN: '' }, /WA_SYNC_TOKEN.*is missing/],
    [['whatsapp-status'], { WA_SYNC_SESSION: 'nobody' }, /session_not_found/],
    [['nothing'], {}, /Usage: .*whatsapp-status \| whatsapp-sync/],
    [[], {}, /Usage/],
  ])('%j with %j ends with an error that says why', async (args, env: Record<string, string>, words) => {
    const failed = await run(args, env).catch((error: { stdout: string; stderr: string }) => error);
    expect(failed).toBeInstanceOf(Error);
    expect(failed.stdout + failed.stderr).toMatch(words);
  });
});
