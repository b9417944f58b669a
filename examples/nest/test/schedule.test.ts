import { Inject, Injectable } from '@nestjs/common';
import { Cron, CronExpression, ScheduleModule } from '@nestjs/schedule';
import type { WaSyncEvents } from '@wa-sync/core';
import { afterEach, expect, it } from 'vitest';
import { OnWaSync, WaSyncModule, WaSyncService } from '../src/index.js';
import { addSession, moduleOptions } from './module-world.js';
import { type StartedNest, startNest } from './start-nest.js';

let nest: StartedNest | null = null;

afterEach(async () => {
  await nest?.close();
  nest = null;
});

it('may be driven by @nestjs/schedule', async () => {
  let tellFinished: (event: WaSyncEvents['job:finished']) => void = () => {};
  const finished = new Promise<WaSyncEvents['job:finished']>((resolve) => {
    tellFinished = resolve;
  });
  let tellRun: (run: { slot: Date; ran: boolean }) => void = () => {};
  const run = new Promise<{ slot: Date; ran: boolean }>((resolve) => {
    tellRun = resolve;
  });

  @Injectable()
  class Jobs {
    constructor(@Inject(WaSyncService) private readonly wa: WaSyncService) {}

    @Cron(CronExpression.EVERY_SECOND)
    async sync() {
      await this.wa.runJob('sync');
    }

    @Cron(CronExpression.EVERY_SECOND)
    async inactivity() {
      const slot = new Date(Math.floor(Date.now() / 1_000) * 1_000);
      const { ran } = await this.wa.runJob('inactivity', { slot });
      tellRun({ slot, ran });
    }

    @OnWaSync('job:finished')
    onFinished(event: WaSyncEvents['job:finished']) {
      if (event.job === 'sync') tellFinished(event);
    }
  }

  const imports = [ScheduleModule.forRoot(), WaSyncModule.forRoot(moduleOptions())];
  nest = await startNest({ imports, providers: [Jobs] });
  await addSession(nest);
  expect(await finished).toMatchObject({ job: 'sync', slot: null });
  const { slot, ran } = await run;
  expect(ran).toBe(true);
  // The same slot again, from another replica or a second ring of the same bell, is not run again.
  expect(await nest.app.get(WaSyncService).runJob('inactivity', { slot })).toEqual({ ran: false });
});
