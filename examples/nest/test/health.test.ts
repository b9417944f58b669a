import { Controller, Get, Inject } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { createMemoryStore, WaSyncError } from '@wa-sync/core';
import { afterEach, expect, it } from 'vitest';
import { WaSyncHealthIndicator, WaSyncModule } from '../src/index.js';
import { addSession, moduleOptions } from './module-world.js';
import { PLATFORMS, type StartedNest, startNest } from './start-nest.js';

@Controller('health')
class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(WaSyncHealthIndicator) private readonly waSync: WaSyncHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.waSync.isHealthy('wa-sync', { timeoutMs: 200 })]);
  }
}

let nest: StartedNest | null = null;

afterEach(async () => {
  await nest?.close();
  nest = null;
});

it.each(PLATFORMS)('reports to Terminus on %s whether the store answers', async (platform) => {
  const memory = createMemoryStore();
  let list = memory.sessions.list;
  const store = {
    ...memory,
    sessions: { ...memory.sessions, list: (params: Parameters<typeof list>[0]) => list(params) },
  };
  const imports = [TerminusModule.forRoot({ logger: false }), WaSyncModule.forRoot(moduleOptions(store))];
  nest = await startNest({ imports, controllers: [HealthController] }, { platform });
  const check = async () => {
    const response = await fetch(`${nest?.origin}/health`);
    return [response.status, await response.json()] as const;
  };

  const connection = await addSession(nest);
  connection.script.close('lost');
  expect(await check()).toMatchObject([200, { status: 'ok', info: { 'wa-sync': { status: 'up' } } }]);

  list = () => Promise.reject(new WaSyncError('store_unreachable', 'db.internal:5432 refused user 5511912345678'));
  const [status, body] = await check();
  expect([status, body]).toMatchObject([503, { error: { 'wa-sync': { status: 'down', code: 'store_unreachable' } } }]);
  expect(JSON.stringify(body)).not.toMatch(/5432|55119/);

  list = () => new Promise(() => {});
  expect(await check()).toMatchObject([503, { error: { 'wa-sync': { code: 'store_timeout' } } }]);

  list = () => Promise.reject(new Error('anything else'));
  expect(await check()).toMatchObject([503, { error: { 'wa-sync': { code: 'store_failed' } } }]);

  list = memory.sessions.list;
  expect(await check()).toMatchObject([200, { status: 'ok' }]);
});
