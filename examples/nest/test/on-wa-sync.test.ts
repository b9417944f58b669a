import { Controller, Injectable, Scope } from '@nestjs/common';
import type { WaSyncEvents } from '@wa-sync/core';
import { afterEach, expect, it, vi } from 'vitest';
import { OnWaSync, WaSyncModule } from '../src/index.js';
import { addSession, moduleOptions, recordingLogger } from './module-world.js';
import { type StartedNest, startNest } from './start-nest.js';

type Changed = WaSyncEvents['session:changed'];

let nest: StartedNest | null = null;

afterEach(async () => {
  await nest?.close();
  nest = null;
});

it('calls providers and controllers once for each event, from the first one on', async () => {
  const heard: string[] = [];
  class Base {
    protected readonly name: string = 'base';
    @OnWaSync('session:changed')
    onChanged({ sessionId, to }: Changed) {
      heard.push(`${this.name}: ${sessionId} ${to}`);
    }
  }
  @Injectable()
  class Alerts extends Base {
    protected override readonly name = 'alerts';
    @OnWaSync('ownership:gained')
    @OnWaSync('ownership:lost')
    onOwner({ sessionId }: { sessionId: string }) {
      heard.push(`owner: ${sessionId}`);
    }
  }
  @Controller()
  class Panel {
    @OnWaSync('session:changed')
    onChanged({ to }: Changed) {
      heard.push(`panel: ${to}`);
    }
  }
  nest = await startNest({
    imports: [WaSyncModule.forRoot(moduleOptions())],
    providers: [Alerts, { provide: 'alias', useExisting: Alerts }],
    controllers: [Panel],
  });
  const connection = await addSession(nest);
  expect(heard.splice(0).toSorted()).toEqual(['alerts: sales CONNECTED', 'owner: sales', 'panel: CONNECTED']);
  connection.script.close('lost');
  await vi.waitFor(() => expect(heard.toSorted()).toEqual(['alerts: sales RECONNECTING', 'panel: RECONNECTING']));
});

it('contains a listener that throws', async () => {
  const { lines, logger } = recordingLogger();
  @Injectable()
  class Broken {
    @OnWaSync('session:changed')
    async onChanged() {
      throw new Error('the chat is full');
    }
  }
  nest = await startNest({ imports: [WaSyncModule.forRoot(moduleOptions())], providers: [Broken] }, { logger });
  await addSession(nest);
  expect(lines).toContain('error [wa-sync] A listener of session:changed failed: the chat is full');
});

it('warns of listeners that have no instance to be called', async () => {
  const { lines, logger } = recordingLogger();
  @Injectable({ scope: Scope.REQUEST })
  class PerRequest {
    @OnWaSync('session:changed')
    onChanged() {}
  }
  @Injectable({ scope: Scope.TRANSIENT })
  class PerInjection {
    @OnWaSync('session:changed')
    onChanged() {}
  }
  const providers = [PerRequest, PerInjection];
  nest = await startNest({ imports: [WaSyncModule.forRoot(moduleOptions())], providers }, { logger });
  const warnings = lines.filter((line) => line.startsWith('warn [wa-sync]'));
  expect(warnings).toEqual([
    expect.stringMatching(/@OnWaSync of PerRequest is never called/),
    expect.stringMatching(/@OnWaSync of PerInjection is never called/),
  ]);
});

it('refuses a name that is no event', () => {
  expect(() => OnWaSync('session:change' as 'session:changed')).toThrow(/does not know the event "session:change"/);
});

it('checks the payload at compile time', () => {
  class Typed {
    @OnWaSync('job:finished')
    right({ tookMs }: WaSyncEvents['job:finished']) {
      return tookMs;
    }
    // @ts-expect-error a job's payload has no session
    @OnWaSync('job:finished')
    wrong({ sessionId }: Changed) {
      return sessionId;
    }
  }
  expect(Typed).toBeDefined();
});
